"""The comparison of recorded and new outputs forgives what it should, and nothing else."""

import subprocess
import sys

import nbformat
import pytest

from chapters import CHAPTERS, ROOT, recorded

sys.path.insert(0, str(ROOT))
from conftest import close  # noqa: E402


@pytest.mark.parametrize(
    ("recorded_text", "new_text"),
    [
        ("loss 0.4470", "loss 0.4471"),  # one unit of the last digit
        ("loss 12345.678", "loss 12345.9"),  # within 1e-4
        ("tensor([1.5000, 2.5000])", "tensor([1.5000,  2.5001])"),
        ("3.21e-05", "3.22e-05"),
        ("1.8e+308", "1.8e+308"),  # rounds up to infinity
        ("no numbers", "no  numbers"),
    ],
)
def test_small_differences_pass(recorded_text, new_text):
    assert close(recorded_text, new_text)


@pytest.mark.parametrize(
    ("recorded_text", "new_text"),
    [
        ("loss 0.4470", "loss 0.4473"),
        ("loss 0.4470", "loss 0.4917"),  # 10 % off
        ("epoch 3", "epoch 4"),  # whole numbers are exact
        ("float32", "float64"),
        ("0.5", "nan"),
        ("0.0000 1.0", "0.0000"),
        ("1.0e-05", "2.0e-05"),
        ("word", "words"),
        ("-0.40", "0.40"),
        ("0.0001", "0.0003"),
        ("1.8e+308", "3.4e+38"),  # infinity is near nothing
    ],
)
def test_real_differences_fail(recorded_text, new_text):
    assert not close(recorded_text, new_text)


def run_nbval(notebook, folder):
    """Run a notebook as the suite does; whether it passed."""
    path = folder / "chapter.ipynb"
    nbformat.write(notebook, path)
    (folder / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "-p", "no:cacheprovider", path]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert "passed" in result.stdout or "failed" in result.stdout, result.stdout + result.stderr
    return result.returncode == 0


@pytest.fixture
def training():
    """Chapter 2 up to the cell that trains."""
    notebook = recorded(CHAPTERS[1])
    for i, cell in enumerate(notebook.cells):
        text = "".join(o.get("text", "") for o in cell.get("outputs", []))
        if cell.cell_type == "code" and "epoch 3, loss" in text:
            notebook.cells = notebook.cells[: i + 1]
            return notebook
    raise AssertionError("chapter 2 prints no loss of epoch 3")


def test_the_chapter_as_recorded_passes(training, tmp_path):
    assert run_nbval(training, tmp_path)


def test_a_loss_10_percent_off_is_caught(training, tmp_path):
    (output,) = [o for o in training.cells[-1].outputs if "epoch 1, loss" in o.get("text", "")]
    first = output.text.split("epoch 1, loss ")[1].split()[0].rstrip(",")
    output.text = output.text.replace(first, f"{float(first) * 1.1:f}", 1)
    assert not run_nbval(training, tmp_path)


def test_a_changed_seed_is_caught(training, tmp_path):
    cells = [c for c in training.cells if c.cell_type == "code" and "manual_seed(" in c.source]
    assert cells
    for cell in cells:
        cell.source = cell.source.replace("manual_seed(", "manual_seed(1 + ")
    assert not run_nbval(training, tmp_path)


def test_a_broken_assertion_is_caught(training, tmp_path):
    cells = [c for c in training.cells if c.cell_type == "code" and "assert " in c.source]
    cell = cells[-1]
    cell.source = cell.source.replace("assert ", "assert not ", 1)
    assert not run_nbval(training, tmp_path)
