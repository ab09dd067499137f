"""Make mistakes on purpose, one at a time, and see which check catches them.

    python tools/mutants.py [-j 2] [--generic] [NAME ...]

The mistakes stand in tests/mutants.toml; NAME picks some of them (`02`, `utils/no-sum`). Each is
made in a copy of the tree and meets the checks of a maintainer in this order: analytic ones, which
hold on any machine (the tests of the package and of the printed code, the assertions in the
cells), then the recorded outputs, compared as nbval compares them. A mistake in the package meets
the package's tests first, and the chapters only where those let it pass. That a mistaken
chapter is out of step with its notebook does not count: an author would have recorded it again.

With --generic the mistakes are those that cosmic-ray makes anywhere in the package, for its tests.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tomllib
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from record import ROOT, blank

sys.path.insert(0, str(ROOT))
from conftest import close  # noqa: E402

PACKAGE_TESTS = ("linear_regression", "softmax_regression", "plotting", "printed_code",
                 "chapters_numbers", "fashion_mnist")
NOT_COPIED = (".git", ".venv", "_build", "data", "*.egg-info", "__pycache__", ".*_cache")
BROKEN = ("SyntaxError", "IndentationError", "NameError", "ImportError", "AttributeError")


def mistakes():
    """The list: a name -> the mistake, with its file."""
    tables = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())
    return {
        f"{Path(file).stem}/{name}": {"file": file, **mistake}
        for file, table in tables.items()
        for name, mistake in table.items()
    }


def mutated(mistake):
    """The text of the file with the mistake; an error where it does not apply exactly once."""
    text = (ROOT / mistake["file"]).read_text()
    assert text.count(mistake["old"]) == 1, f"{mistake['file']} does not hold once: {mistake}"
    return text.replace(mistake["old"], mistake["new"])


def environment(tree):
    data = os.environ.get("D2L_DATA") or str(ROOT / "data")
    return {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "D2L_DATA": data,
            "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip


def run_tests(tree, *names):
    """Why the tests fail in a tree: the first failure; None where they pass."""
    files = [f"tests/test_{name}.py" for name in names]
    command = [sys.executable, "-m", "pytest", "-xq", "-p", "no:cacheprovider", "--tb=line"]
    result = subprocess.run([*command, *files], cwd=tree, env=environment(tree),
                            capture_output=True, text=True)  # fmt: skip
    if result.returncode == 0:
        return None
    failures = re.findall(r"^(?:FAILED|ERROR) (.*)", result.stdout, re.M)
    return failures[0] if failures else f"{result.stdout}{result.stderr}"[-400:]


def outputs(cell):
    """The texts that a cell shows, as nbval compares them: by kind of output, no pictures."""
    if "nbval-ignore-output" in cell.metadata.get("tags", []):
        return {}
    texts = {}
    for output in cell.outputs:
        items = output.get("data") or {output.get("name", output.output_type): output.get("text")}
        for kind, text in items.items():
            if not kind.startswith("image/"):
                texts[kind] = texts.get(kind, "") + str(text)
    return texts


def run_chapter(tree, number):
    """What catches a mistake in a chapter or below it: (kind of check, where)."""
    (md,) = (tree / "chapters").glob(f"{number:02d}-*.md")
    notebook, _ = blank(md)
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(md.parent)}})
    try:
        client.execute(env=environment(tree), stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        lines = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip().splitlines()
        stop = next((line for line in lines if line.startswith("---->")), "")
        kind = "broken" if error.ename in BROKEN else "analytic"
        return kind, f"chapter {number}: {error.ename} at {stop[6:].strip()}"
    from nbformat import read

    old = [c for c in read(md.with_suffix(".ipynb"), 4).cells if c.cell_type == "code"]
    for was, now in zip(old, [c for c in notebook.cells if c.cell_type == "code"], strict=True):
        a, b = outputs(was), outputs(now)
        if a.keys() != b.keys() or not all(close(a[kind], b[kind]) for kind in a):
            return "recorded", f"chapter {number}: {list(a.values())} {list(b.values())}"[:160]
    return "survived", ""


def check(file, text):
    """Put `text` in place of `file` in a copy of the tree; return what catches it, and where."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*NOT_COPIED))
        (tree / file).write_text(text)
        if file.startswith("chapters/"):
            failure, chapters = run_tests(tree, "printed_code", "chapters_numbers"), [int(Path(file).name[:2])]
        else:
            first = Path(file).stem
            failure = run_tests(tree, *sorted(PACKAGE_TESTS, key=lambda name: name != first))
            chapters = range(1, 8)
        if failure:
            return "broken" if any(name in failure for name in BROKEN) else "analytic", failure
        for number in chapters:
            kind, where = run_chapter(tree, number)
            if kind != "survived":
                break
        return kind, where


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="mistakes to make, or parts of their names")
    parser.add_argument("-j", type=int, default=2, help="how many at a time (default: 2)")
    arguments = parser.parse_args()
    chosen = {
        name: mistake for name, mistake in mistakes().items()
        if not arguments.names or any(part in name for part in arguments.names)
    }  # fmt: skip

    def one(item):
        name, mistake = item
        kind, where = check(mistake["file"], mutated(mistake))
        print(f"{kind:9} {name:50} {where}", flush=True)
        return kind

    with ThreadPoolExecutor(arguments.j) as pool:
        kinds = dict(zip(chosen, pool.map(one, chosen.items())))
    counts, n = Counter(kinds.values()), len(kinds)
    meaningful = n - sum(kinds[name] == "survived" and "why" in m for name, m in chosen.items())
    analytic = counts["analytic"] / meaningful
    caught = (counts["analytic"] + counts["recorded"]) / meaningful
    print(f"\n{n} mistakes, {n - meaningful} of which change nothing. Of the others, caught: "
          f"{caught:.1%}, by checks that hold on any machine: {analytic:.1%}")
    for name, kind in kinds.items():
        if kind in ("survived", "broken"):
            print(f"{kind} {name}: {chosen[name]['what']}. {chosen[name].get('why', '')}")
    return counts["broken"] > 0 or caught < 0.98 or analytic < 0.95


if __name__ == "__main__":
    sys.exit(main())
