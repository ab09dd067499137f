"""The list of mistakes fits the tree, and a sample of them is caught; `make mutants` makes all."""

import subprocess
import sys
from collections import Counter

import tomllib

from chapters import CHAPTERS, ROOT

LIST = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())

# Caught by a test of the package or of the printed code, so within a second or two.
SAMPLE = [
    "02-linear-regression-scratch/last-batch-dropped",
    "02-linear-regression-scratch/no-half",
    "03-linear-regression-concise/always-shuffled",
    "06-softmax-regression-scratch/mean-of-batch-means",
    "06-softmax-regression-scratch/no-eval",
    "linear_regression/with-replacement",
    "linear_regression/labels-shifted",
    "softmax_regression/no-zero-grad",
    "softmax_regression/tested-on-training",
    "utils/no-sum",
]


def test_every_mistake_applies_exactly_once():
    for file, mistakes in LIST.items():
        text = (ROOT / file).read_text()
        for name, mistake in mistakes.items():
            assert text.count(mistake["old"]) == 1, (file, name)
            assert mistake["old"] != mistake["new"] and mistake["kind"] and mistake["what"]


def test_the_list_covers_all_chapters_and_the_package():
    counts = {file: len(mistakes) for file, mistakes in LIST.items()}
    assert all(counts[f"chapters/{md.name}"] >= 6 for md in CHAPTERS)
    for module in ("linear_regression", "softmax_regression", "fashion_mnist", "utils", "plotting"):
        assert counts[f"d2lsupport/{module}.py"] >= 3
    assert sum(counts.values()) >= 60
    kinds = Counter(m["kind"] for mistakes in LIST.values() for m in mistakes.values())
    assert len(kinds) >= 20


def test_a_sample_of_mistakes_is_caught_by_checks_that_hold_on_any_machine():
    command = [sys.executable, ROOT / "tools" / "mutants.py", "-j", "2", *SAMPLE]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    verdicts = [line.split()[:2] for line in result.stdout.splitlines()]
    caught = [name for kind, name in filter(lambda v: len(v) == 2, verdicts) if kind == "analytic"]
    assert sorted(caught) == sorted(SAMPLE), result.stdout + result.stderr
    assert result.returncode == 0


def test_the_page_on_checks_has_the_figures_of_this_list():
    lines = (ROOT / "reference" / "mutants.txt").read_text().splitlines()[2:-1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    made = Counter(m["kind"] for mistakes in LIST.values() for m in mistakes.values())
    assert {kind: int(number) for kind, number, *_ in rows} == made, "run `make mutants`"
    for _, number, *verdicts in rows:
        assert int(number) == sum(map(int, verdicts))
    number, analytic, _, survived = (sum(map(int, column)) for column in list(zip(*rows))[1:])
    assert survived <= sum("why" in m for mistakes in LIST.values() for m in mistakes.values())
    assert analytic >= 0.95 * (number - survived)


def test_the_mistakes_that_change_nothing_are_of_the_package_and_stand_once():
    known = tomllib.loads((ROOT / "tests" / "generic_mutants.toml").read_text())
    texts = [(ROOT / f"d2lsupport/{name}.py").read_text() for name in known["modules"]]
    there = {line.strip() for text in texts for line in text.splitlines()}
    pairs = [(m["old"], m["new"]) for m in known["harmless"] if m["why"]]
    assert len(set(pairs)) == len(known["harmless"])
    assert [old for old, _ in pairs if old not in there] == []
    lines = (ROOT / "reference" / "generic-mutants.txt").read_text().splitlines()[2:-1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert {row[0] for row in rows} == {f"`{name}.py`" for name in known["modules"]}
    assert all(int(made) == int(caught) + int(left) for _, made, caught, left in rows)
    assert sum(int(left) for *_, left in rows) == len(pairs)
