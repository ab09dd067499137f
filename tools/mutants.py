"""Make mistakes on purpose, one at a time, and see which check catches them.

    python tools/mutants.py [-j 2] [NAME ...]

The mistakes stand in tests/mutants.toml; a NAME picks those that it is part of. Each is made in a
copy of the tree and meets a maintainer's checks in this order: analytic ones, which hold on any
machine (the tests of the package and of the printed code, the assertions in the cells), then the
recorded outputs, compared as nbval compares them. A mistake in the package meets the chapters only
where the package's tests let it pass. That a mistaken chapter is out of step with its notebook
does not count: its author would have recorded it again. A run of all writes its figures into the
page "How the numbers are checked".
"""

import argparse
import contextlib
import gc
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import hypothesis.extra.numpy  # noqa: F401  here, so that each forked process has it ready
import IPython.display  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import nbformat
import pytest
import tomllib
import torch._dynamo  # noqa: F401
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from record import ROOT, blank

sys.path.insert(0, str(ROOT))
from conftest import EMBEDDED, close  # noqa: E402

CHAPTER_TESTS = "printed_code", "chapters_numbers"
PACKAGE_TESTS = ("linear_regression", "softmax_regression", "plotting", "bad_input", "edges",
                 *CHAPTER_TESTS)
LOADER_TESTS = "imports", "fashion_mnist", "faults"  # slow, so only for what makes the loader
NOT_COPIED = (".git", ".venv", "_build", "build", "dist", "data", "*.egg-info", "__pycache__",
              ".*_cache", ".hypothesis")
BROKEN = ("SyntaxError", "IndentationError", "NameError", "ImportError")
RESULTS = ROOT / "reference" / "mutants.txt"  # shown on the page "How the numbers are checked"
FORK = get_context("fork")


def mistakes():
    """The list: a name -> the mistake, with its file and the text of the file with the mistake."""
    found = {}
    for file, table in tomllib.loads((ROOT / "tests" / "mutants.toml").read_text()).items():
        text = (ROOT / file).read_text()
        for name, mistake in table.items():
            assert text.count(mistake["old"]) == 1, f"{name} does not apply once to {file}"
            changed = text.replace(mistake["old"], mistake["new"])
            found[f"{Path(file).stem}/{name}"] = {"file": file, "text": changed, **mistake}
    return found


def run_tests(tree, *names):
    """Run tests of the copy, which is the current folder: the first failure, or None."""
    for name in names:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            failed = pytest.main(["-xq", "--assert=plain", "-p", "no:cacheprovider",
                                  f"tests/test_{name}.py"])  # fmt: skip
        if failed:
            return re.search(r"^(?:FAILED|ERROR) .*|\Z", out.getvalue(), re.M)[0] or "FAILED"
    assert Path(sys.modules["d2lsupport"].__file__).is_relative_to(tree)
    return None


def outputs(cell):
    """The texts that a cell shows, as nbval compares them: by kind of output, no pictures."""
    texts = {}
    if "nbval-ignore-output" not in cell.metadata.get("tags", []):
        for output in cell.outputs:
            for kind, text in (output.get("data") or {"stream": output.get("text")}).items():
                if not kind.startswith("image/"):
                    text = EMBEDDED.sub("", text) if kind == "text/html" else str(text)
                    texts[kind] = texts.get(kind, "") + text
    return texts


def run_chapter(number):
    """What catches a mistake in a chapter of the copy, or below it: kind of check, and where."""
    (md,) = Path.cwd().glob(f"chapters/{number:02d}-*.md")
    notebook, _ = blank(md)
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(md.parent)}})
    try:
        client.execute(stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        (line,) = re.findall(r"^-+> \d+ (.*)$", re.sub(r"\x1b\[[\d;]*m", "", str(error)), re.M)[:1]
        kind = "broken" if error.ename in BROKEN else "analytic"
        return kind, f"chapter {number}: {error.ename} at {line.strip()}"
    recorded = nbformat.read(md.with_suffix(".ipynb"), as_version=4)
    pairs = zip(*([c for c in nb.cells if c.cell_type == "code"] for nb in (recorded, notebook)),
                strict=True)  # fmt: skip
    for was, now in pairs:
        a, b = outputs(was), outputs(now)
        if a.keys() != b.keys() or not all(close(a[kind], b[kind]) for kind in a):
            return "recorded", f"chapter {number}: {now.source.splitlines()[-1]}"
    return "survived", ""


def check(file, text, chapters=True):
    """Put `text` in place of `file` in a copy of the tree; return what catches it, and where."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*NOT_COPIED))
        (tree / file).write_text(text)
        os.environ |= {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "COLUMNS": "200",
                       "D2L_DATA": os.environ.get("D2L_DATA") or str(ROOT / "data")}  # fmt: skip
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        names, numbers = CHAPTER_TESTS, [Path(file).name[:2]]
        if not file.startswith("chapters/"):
            names = sorted(PACKAGE_TESTS, key=lambda name: name != Path(file).stem)
            if Path(file).stem in ("fashion_mnist", "_files", "_torchvision", "README"):
                names += LOADER_TESTS
            if Path(file).stem == "explore":
                names = ["explore"]  # the others do not touch it
            numbers = range(1, 9) if chapters else []
        if failure := run_tests(tree, *names):
            kind = "broken" if any(name in failure for name in BROKEN) else "analytic"
            return kind, failure
        for number in numbers:
            kind, where = run_chapter(int(number))
            if kind != "survived":
                return kind, where
    return "survived", ""


def in_a_process(item):
    """Check one mistake in a fork of this process: its name, and what catches it."""
    name, *arguments = item
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=lambda: sender.send(check(*arguments)))
    process.start()
    sender.close()
    kind, where = receiver.recv()
    process.join()
    print(f"{kind:9} {name:60} {where}", flush=True)
    return name, kind


def check_all(items, jobs):
    gc.freeze()  # what is imported here is no garbage of the processes
    with ThreadPoolExecutor(jobs) as pool:
        return dict(pool.map(in_a_process, items))


def table(rows, head):
    """Rows of figures under their head as Markdown, with their sums in a last row."""
    sums = ["all together", *(sum(column) for column in list(zip(*rows))[1:])]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows, sums]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def by_kind(kinds, chosen):
    """How many mistakes of each kind were made, and which checks caught them."""
    counts = Counter((chosen[name]["kind"], verdict) for name, verdict in kinds.items())
    verdicts = "analytic", "recorded", "survived"
    found = [[kind, *(counts[kind, verdict] for verdict in verdicts)]
             for kind in sorted({kind for kind, _ in counts})]  # fmt: skip
    return [[kind, sum(numbers), *numbers] for kind, *numbers in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="parts of names of mistakes (default: all)")
    parser.add_argument("-j", type=int, default=2, help="how many at a time (default: 2)")
    arguments = parser.parse_args()
    chosen = {
        name: mistake for name, mistake in mistakes().items()
        if not arguments.names or any(part in name for part in arguments.names)
    }  # fmt: skip
    if not arguments.names:
        control = check_all([("no mistake", "README.md", (ROOT / "README.md").read_text())], 1)
        assert control == {"no mistake": "survived"}, "the tree as it is does not pass"
    kinds = check_all([(n, m["file"], m["text"]) for n, m in chosen.items()], arguments.j)
    for name, kind in sorted(kinds.items()):
        if kind in ("survived", "broken"):
            print(f"{kind}: {name}: {chosen[name]['what']}. {chosen[name].get('why', '')}")
    harmless = [n for n, kind in kinds.items() if kind == "survived" and "why" in chosen[n]]
    counts, n = Counter(kinds.values()), len(kinds) - len(harmless)
    analytic, caught = counts["analytic"] / n, (counts["analytic"] + counts["recorded"]) / n
    print(f"{len(kinds)} mistakes, {len(harmless)} of which change nothing. Of the others, "
          f"caught: {caught:.1%}, by checks that hold on any machine: {analytic:.1%}")
    if not arguments.names:
        head = "Mistake", "Made", "Caught on any machine", "By recorded digits", "Not caught"
        RESULTS.write_text(table(by_kind(kinds, chosen), head))
    return counts["broken"] > 0 or caught < 0.98 or analytic < 0.95


if __name__ == "__main__":
    sys.exit(main())
