"""The form of the chapters: what each must hold, so that a reader finds it in the same place."""

import re

import pytest
import yaml
from record import blank, finish

from chapters import CHAPTERS, ROOT, code_cells, recorded, recorded_code_cells, sections

each_chapter = pytest.mark.parametrize("md", CHAPTERS, ids=lambda md: md.stem)

# The sub-sections of the study notes that the course carries out, in their order.
NOTES = {
    "01-linear-regression": 4,
    "02-linear-regression-scratch": 7,
    "03-linear-regression-concise": 7,
    "04-softmax-regression": 6,
    "05-image-classification-dataset": 3,
    "06-softmax-regression-scratch": 6,
    "07-softmax-regression-concise": 4,
    "08-when-one-machine-is-not-enough": 6,  # beyond the notes
}


def test_the_book_holds_the_chapters_in_order():
    assert [md.stem for md in CHAPTERS] == list(NOTES)
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    assert files[: len(NOTES)] == [f"chapters/{name}" for name in NOTES]


@each_chapter
def test_front_matter_is_complete(md):
    front = yaml.safe_load(md.read_text().split("---")[1])
    assert front == {
        "jupytext": {"text_representation": {"extension": ".md", "format_name": "myst"}},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    }


@each_chapter
def test_a_chapter_opens_and_closes_as_every_chapter(md):
    text = md.read_text()
    opening = text[: text.index("\n## ")]
    assert "After this chapter you can" in opening
    assert "**Time:**" in opening
    assert "torch.manual_seed(" in code_cells(md)[0].source
    assert sections(md)[-2:] == ["Summary", "Exercises"]
    assert len(sections(md)) - 2 >= NOTES[md.stem]
    assert "Predict, then run" in text


@each_chapter
def test_every_exercise_has_a_solution_that_ends_in_an_assertion(md):
    text = md.read_text()
    exercises = re.findall(r"^`{3,}\{exercise\}.*\n:label: (\S+)$", text, flags=re.M)
    solutions = re.findall(
        r"^```\{solution-start\} (\S+)\n:class: dropdown\n```$(.*?)^```\{solution-end\}\n```$",
        text,
        flags=re.M | re.S,
    )
    assert len(exercises) >= 5
    assert [label for label, _ in solutions] == exercises
    for label, body in solutions:
        cells = re.findall(r"^```\{code-cell\}.*?\n(.*?)^```$", body, flags=re.M | re.S)
        assert cells, f"the solution of {label} runs no code"
        last = cells[-1].rstrip().splitlines()
        assert any("assert" in line for line in last[-6:]), f"{label} does not end in an assertion"


@each_chapter
def test_cells_are_short_and_narrow(md):
    for cell in code_cells(md):
        lines = cell.source.splitlines()
        assert lines, "a cell without code"
        assert len(lines) <= 25, f"{len(lines)} lines:\n{cell.source}"
        assert max(map(len, lines)) <= 72, f"wider than 72 columns:\n{cell.source}"


@each_chapter
def test_the_notebook_is_in_step_with_its_source(md):
    notebook = recorded(md)
    fresh, labels = blank(md)
    fresh = finish(fresh, labels, outputs_of=notebook)

    def essence(nb):
        return [(cell.cell_type, cell.source, cell.metadata, cell["id"]) for cell in nb.cells]

    assert essence(notebook) == essence(fresh), "run `make notebooks`"


@each_chapter
def test_the_notebook_reads_well_without_myst(md):
    for cell in recorded(md).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"\{[\w:-]+\}`|^`{3,}\{|^\([\w-]+\)=", cell.source, flags=re.M), (
                cell.source
            )


@each_chapter
def test_every_cell_was_run_and_no_output_is_empty(md):
    cells = [cell for cell in recorded(md).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            if output.output_type == "stream":
                assert output.name == "stdout", f"stderr from\n{cell.source}"
                assert output.text.strip()
            else:
                assert any(str(value).strip() for value in output.data.values()), cell.source
                assert str(output.data.get("text/plain", "x")).strip() not in ("", "None", "[]")


@each_chapter
def test_every_figure_has_alt_text_caption_and_name(md):
    names = []
    for cell, done in zip(code_cells(md), recorded_code_cells(md), strict=True):
        pictures = [o for o in done.outputs if "image/svg+xml" in o.get("data", {})]
        assert not any("image/png" in o.get("data", {}) for o in done.outputs), cell.source
        if not pictures:
            assert "mystnb" not in cell.metadata, f"a caption without a figure:\n{cell.source}"
            continue
        assert len(pictures) == 1, f"{len(pictures)} figures from one cell:\n{cell.source}"
        meta = cell.metadata.get("mystnb", {})
        assert len(meta.get("image", {}).get("alt", "")) > 20, f"no alt text:\n{cell.source}"
        assert len(meta.get("figure", {}).get("caption", "")) > 20, f"no caption:\n{cell.source}"
        names.append(meta["figure"]["name"])
        size = len(pictures[0].data["image/svg+xml"])
        assert 1_000 < size < 200_000, f"a figure of {size} bytes:\n{cell.source}"
    assert len(set(names)) == len(names) >= 1


@each_chapter
def test_timings_are_the_only_outputs_that_are_not_compared(md):
    for cell in code_cells(md):
        tags = set(cell.metadata.get("tags", []))
        allowed = {"hide-input", "remove-cell", "nbval-ignore-output", "remove-input"}
        assert tags <= allowed, tags
        if "nbval-ignore-output" in tags:
            assert re.search("perf_counter|Timer|time|seconds", cell.source), cell.source


def test_every_exercise_of_d2l_is_taken_up_and_the_index_leads_to_it():
    counts = {
        "Chinese": {"3.1": 3, "3.2": 7, "3.3": 3, "3.4": 3, "3.5": 3, "3.6": 5, "3.7": 2},
        "English": {"3.1": 8, "3.3": 4, "3.4": 9, "3.5": 5}
        | {"4.1": 7, "4.2": 3, "4.3": 3, "4.4": 5, "4.5": 4},
    }
    titles = {}
    for md in CHAPTERS:
        for title, label in re.findall(r"\{exercise\} (.*)\n:label: (\S+)", md.read_text()):
            titles[label] = title
    index = (ROOT / "reference" / "d2l-exercises.md").read_text()
    for edition, mark in (("Chinese", "zh"), ("English", "en")):
        table = index.split(f"## {edition} edition")[1].split("\n## ")[0]
        rows = dict(re.findall(r"^\| ([\d.]+) \| (.*?) \|", table, flags=re.M))
        expected = {f"{s}.{i + 1}" for s, n in counts[edition].items() for i in range(n)}
        assert set(rows) == expected
        for number, here in rows.items():
            for label in re.findall(r"\{numref\}`(\S+)`", here):
                assert re.search(rf"{mark}[^;]*\b{re.escape(number)}\b", titles[label]), label
