"""The build is strict, and never answers an edit with old numbers. Tried on a book of one page."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from timings import timings

from chapters import ROOT

PAGE = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

```{code-cell} ipython3
from pathlib import Path
from d2lsupport.answer import ANSWER

with Path("runs").open("a") as runs:
    runs.write("run ")
print("the answer is", ANSWER)
```
"""


@pytest.fixture
def book(tmp_path):
    """A book with the project's configuration and extensions, and a package of one module."""
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("_config.yml", "references.bib", "requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: intro\n")
    (tmp_path / "intro.md").write_text(PAGE)
    (tmp_path / "d2lsupport").mkdir()
    (tmp_path / "d2lsupport" / "__init__.py").touch()
    (tmp_path / "d2lsupport" / "answer.py").write_text("ANSWER = 41\n")
    return tmp_path


def build(book):
    """Build as `make book` does; returns what was printed and whether it succeeded."""
    makefile = (ROOT / "Makefile").read_text()
    (command,) = re.findall(r"jupyter-book build .*--all$", makefile, flags=re.M)
    tool = Path(sys.executable).with_name("jupyter-book")
    command = [tool, *command.split()[1:]]
    result = subprocess.run(
        command, cwd=book, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return result.stdout, result.returncode == 0


def test_an_edit_executes_again_what_it_concerns_and_nothing_else(book):
    (book / "_toc.yml").write_text("format: jb-book\nroot: intro\nchapters:\n- file: other\n")
    other = PAGE.replace('"runs"', '"other-runs"')
    (book / "other.md").write_text(other)
    waits = 'assert Path("other-runs").exists()\nprint('  # it comes last, though it stands first
    alone = PAGE.replace("kernelspec:", "execute_alone: true\nkernelspec:", 1)
    (book / "intro.md").write_text(alone.replace("print(", waits))

    def built():
        """Build; how often each page has been executed, and what the second one shows."""
        printed, succeeded = build(book)
        assert succeeded, printed
        counts = [(book / name).read_text().count("run ") for name in ("runs", "other-runs")]
        html = (book / "_build" / "html" / "other.html").read_text()
        return counts, re.search(r"(?:the answer|it) is \d+", html)[0]

    assert built() == ([1, 1], "the answer is 41")
    assert len(timings(book / "_build" / ".jupyter_cache")) == 2
    (book / "other.md").write_text(other.replace("# A page", "# Another page"))  # prose
    assert built() == ([1, 1], "the answer is 41")
    (book / "other.md").write_text(other.replace("the answer is", "it is"))  # code
    assert built() == ([1, 2], "it is 41")
    (book / "d2lsupport" / "answer.py").write_text("ANSWER = 42\n")
    assert built() == ([2, 3], "it is 42")
    with (book / "constraints.txt").open("a") as pins:
        pins.write("# another pin\n")
    assert built() == ([3, 4], "it is 42")


CELL = "```{{code-cell}} ipython3\n{}\n```"


@pytest.mark.parametrize(
    "faults",
    [
        {CELL.format("assert 1 == 2"): "AssertionError"},
        {CELL.format("import sys\nsys.stderr.write('oh')"): "WARNING: stderr was found"},
        {
            "[nowhere](nowhere.md)": "WARNING: 'myst' cross-reference target not found",
            "{cite:t}`nobody1900`": "WARNING: could not find bibtex key",
            "See {numref}`fig-nowhere`.": "WARNING: undefined label",
        },
    ],
    ids=["failing cell", "text on stderr", "links to nothing"],
)
def test_a_fault_fails_the_build_and_is_named(book, faults):
    (book / "intro.md").write_text("\n\n".join([PAGE, *faults]))
    printed, succeeded = build(book)
    assert not succeeded
    for message in faults.values():
        assert message in printed


def test_what_a_cell_printed_in_pieces_is_shown_as_one_text(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "_ext")
    from whole_outputs import joined

    def stream(name, text):
        return {"output_type": "stream", "name": name, "text": text}

    shown = {"output_type": "display_data", "data": {}}
    pieces = [stream("stdout", "a  b\n1 "), stream("stdout", " 2\n"), shown, stream("stdout", "c")]
    assert joined(pieces) == [stream("stdout", "a  b\n1  2\n"), shown, stream("stdout", "c")]
    assert pieces[0]["text"] == "a  b\n1 "
    two = [stream("stdout", "a"), stream("stderr", "b")]
    assert joined(two) == two
