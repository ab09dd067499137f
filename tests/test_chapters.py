"""The form of the chapters: what each must hold, so that a reader finds it in the same place."""

import functools
import re

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from record import blank, finish, keep_timings

from chapters import (
    ANSWERS,
    CHAPTERS,
    NOTEBOOKS,
    ROOT,
    code_cells,
    recorded,
    recorded_code_cells,
    sections,
)
from d2lsupport import explore

each_chapter = pytest.mark.parametrize("md", CHAPTERS, ids=lambda md: md.stem)
each_page_of_answers = pytest.mark.parametrize("md", ANSWERS, ids=lambda md: md.stem)
each_notebook = pytest.mark.parametrize("md", NOTEBOOKS, ids=lambda md: md.stem)

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
    (answers,) = [p["chapters"] for p in toc["parts"] if p["caption"].startswith("Answers to D2L")]
    assert [entry["file"] for entry in answers] == [f"chapters/{md.stem}" for md in ANSWERS]


@each_notebook
def test_front_matter_is_complete(md):
    front = yaml.safe_load(md.read_text().split("---")[1])
    assert front.pop("execute_alone", True) is True
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


@each_page_of_answers
def test_a_page_of_answers_opens_as_a_chapter_and_holds_exercises_only(md):
    opening = md.read_text().split("\n## ")[0]
    assert "coming-from-d2l" in opening
    assert "**Time:**" in opening and "**Before:**" in opening
    assert "torch.manual_seed(" in code_cells(md)[0].source
    for section in md.read_text().split("\n## ")[1:]:
        assert "{exercise} " in section
        assert section.rstrip().endswith("```{solution-end}\n```")


@each_notebook
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


@each_notebook
def test_cells_are_short_and_narrow(md):
    for cell in code_cells(md):
        lines = cell.source.splitlines()
        assert lines, "a cell without code"
        assert len(lines) <= 25, f"{len(lines)} lines:\n{cell.source}"
        assert max(map(len, lines)) <= 72, f"wider than 72 columns:\n{cell.source}"


@each_notebook
def test_the_notebook_is_in_step_with_its_source(md):
    notebook = recorded(md)
    fresh, labels = blank(md)
    fresh = finish(fresh, labels, outputs_of=notebook)

    def essence(nb):
        return [(cell.cell_type, cell.source, cell.metadata, cell["id"]) for cell in nb.cells]

    assert essence(notebook) == essence(fresh), "run `make notebooks`"


@each_notebook
def test_the_notebook_reads_well_without_myst(md):
    for cell in recorded(md).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"\{[\w:-]+\}`|^`{3,}\{|^\([\w-]+\)=", cell.source, flags=re.M), (
                cell.source
            )


@each_notebook
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


@each_notebook
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
        alt = meta.get("image", {}).get("alt", "")
        if html := pictures[0].data.get("text/html"):  # explorable: it describes itself
            assert html.endswith(explore.code()), "run `make notebooks`"
            assert len(html) - len(explore.code()) < 60_000
            alt = re.search('<img alt="([^"]*)"', html)[1]
        assert len(alt) > 20, f"no alt text:\n{cell.source}"
        assert len(meta.get("figure", {}).get("caption", "")) > 20, f"no caption:\n{cell.source}"
        names.append(meta["figure"]["name"])
        size = len(pictures[0].data["image/svg+xml"])
        assert 1_000 < size < 200_000, f"a figure of {size} bytes:\n{cell.source}"
    assert len(set(names)) == len(names) >= (md in CHAPTERS)


@each_notebook
def test_timings_are_the_only_outputs_that_are_not_compared(md):
    for cell in code_cells(md):
        tags = set(cell.metadata.get("tags", []))
        allowed = {"hide-input", "remove-cell", "nbval-ignore-output", "remove-input"}
        assert tags <= allowed, tags
        if "nbval-ignore-output" in tags:
            assert re.search("perf_counter|Timer|time|seconds", cell.source), cell.source


def test_every_exercise_of_d2l_is_in_the_table_and_leads_to_its_answer(book):
    counts = {
        "zh": {"3.1": 3, "3.2": 7, "3.3": 3, "3.4": 3, "3.5": 3, "3.6": 5, "3.7": 2},
        "en": {"3.1": 8, "3.3": 4, "3.4": 9, "3.5": 5}
        | {"4.1": 7, "4.2": 3, "4.3": 3, "4.4": 5, "4.5": 4},
    }
    expected = {
        edition: [f"{s}.{i + 1}" for s, n in sections.items() for i in range(n)]
        for edition, sections in counts.items()
    }
    assert [len(numbers) for numbers in expected.values()] == [26, 48]

    soup = functools.cache(lambda path: BeautifulSoup(path.read_text(), "html.parser"))
    folder = book / "reference"
    (table,) = [
        table
        for table in soup(folder / "coming-from-d2l.html").find_all("table")
        if [th.text for th in table.find_all("th")] == ["zh", "en", "Question", "Exercise"]
    ]
    found = {"zh": [], "en": []}
    for zh, en, question, answer in (tr.find_all("td") for tr in table.tbody.find_all("tr")):
        row = {"zh": re.findall(r"[\d.]+", zh.text), "en": re.findall(r"[\d.]+", en.text)}
        for edition, numbers in row.items():
            found[edition] += numbers
        assert question.text and answer.find("a"), f"no link: {row}"
        for link in answer.find_all("a"):
            page, _, anchor = link["href"].partition("#")
            exercise = soup((folder / page).resolve()).find(id=anchor)
            assert exercise, f"{row}: {link['href']} leads nowhere"
            assert "solution" in exercise.find_next_sibling("div")["class"], link["href"]
            named = {"zh": [], "en": []}
            title = exercise.find(class_="admonition-title").text
            for edition, numbers in re.findall(r"(zh|en)((?:,? (?:and )?\d\.\d\.\d)+)", title):
                named[edition] += re.findall(r"[\d.]+", numbers)
            assert {e: sorted(n) for e, n in named.items()} == row, title
    for edition, numbers in expected.items():
        assert sorted(found[edition]) == numbers, set(numbers) ^ set(found[edition])


def test_timings_stay_as_recorded_until_a_cell_of_them_changes(tmp_path):
    def notebook(*sources, seconds):
        cells = [nbformat.v4.new_code_cell(source, metadata={"tags": ["nbval-ignore-output"]},
                                           outputs=[nbformat.v4.new_output("stream", text=seconds)])
                 for source in sources]  # fmt: skip
        return nbformat.v4.new_notebook(cells=cells)

    nbformat.write(notebook("a", "b", seconds="1"), tmp_path / "old.ipynb")
    for sources, shown in ((("a", "b"), "1"), (("a", "c"), "2")):
        new = notebook(*sources, seconds="2")
        keep_timings(new, tmp_path / "old.ipynb")
        assert [cell.outputs[0].text for cell in new.cells] == [shown] * 2
