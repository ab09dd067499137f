"""nbval with a numeric tolerance, one thread for everything that is compared, and the built book.

nbval compares text outputs to the letter. Here words and whole numbers must be equal; other numbers
may differ by RTOL, or by one unit of the last printed digit. Pictures are not compared; the cells
assert on what they plot. Of explorable figures the numbers are compared, but not the picture and
bytes within; test_chapters compares their script. There is no absolute tolerance: it would hide a
doubled noise.
"""

import os
import re
from pathlib import Path

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("D2L_DATA", str(Path(__file__).parent / "data"))

RTOL, INF = 1e-4, float("inf")
NUMBER = re.compile(r"(?<![\w.])([-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?)(?!\w)")
EMBEDDED = re.compile(r'(?<=")data:[^"]*|<style>.*</script>', re.S)


def last_digit(number):
    """One unit of the last printed digit: 0.01 for 3.14, 1e-05 for 1.2e-4."""
    digits, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def close(recorded, new):
    """Whether two texts are equal but for small differences between their decimal numbers."""
    a, b = NUMBER.split(recorded), NUMBER.split(new)  # words at even places, numbers at odd ones
    return len(a) == len(b) and all(
        x == y or abs(float(x) - float(y)) <= max(RTOL * abs(float(x)), 1.01 * last_digit(x)) < INF
        if i % 2
        else x.split() == y.split()
        for i, (x, y) in enumerate(zip(a, b))
    )


class Close(str):
    """A text that equals another when `close` says so."""

    def __eq__(self, other):
        return close(self, other)

    def __ne__(self, other):
        return not close(self, other)

    __hash__ = str.__hash__


def sanitize(cell, text, _original=IPyNbCell.sanitize):
    if isinstance(text, str) and text.startswith("<explore-figure"):
        text = EMBEDDED.sub("", text)
    return Close(_original(cell, text)) if isinstance(text, str) else text


def init(self, *args, _original=IPyNbFile.__init__, **kwargs):
    _original(self, *args, **kwargs)
    self.skip_compare += ("image/svg+xml",)


def start(self, *args, _original=RunningKernel.__init__, **kwargs):
    # once more where another program took a port before the kernel could
    try:
        _original(self, *args, **kwargs)
    except RuntimeError:
        _original(self, *args, **kwargs)


def execute(self, source, allow_stdin=None):
    # as in Jupyter, where a final ";" hides a value
    return self.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


IPyNbCell.sanitize, IPyNbFile.__init__ = sanitize, init
RunningKernel.__init__, RunningKernel.execute_cell_input = start, execute


@pytest.fixture(scope="session")
def book() -> Path:
    """The built book, `_build/html`; `make test` builds it first."""
    root = Path(__file__).parent
    patterns = ("intro.md", "_*.yml", "references.bib", "chapters/*.md", "reference/*.*",
                "_ext/*.py", "_static/*", "_templates/*", "d2lsupport/explore.*")  # fmt: skip
    sources = [path for pattern in patterns for path in root.glob(pattern)]
    built = root / "_build" / "html" / "searchindex.js"
    if not built.exists() or built.stat().st_mtime < max(s.stat().st_mtime for s in sources):
        pytest.fail(f"{built.parent} is missing or older than the sources: run `make book` first.")
    return built.parent
