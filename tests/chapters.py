"""What the tests of the chapters share: the chapters, and the pages of answers, parsed."""

import ast
import re
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.md"))
ANSWERS = [md for md in NOTEBOOKS if "-answers-" in md.name]
CHAPTERS = [md for md in NOTEBOOKS if md not in ANSWERS]
PAGES = [ROOT / "intro.md", *sorted((ROOT / "reference").glob("*.md"))]


def code_cells(md):
    return [cell for cell in jupytext.read(md).cells if cell.cell_type == "code"]


def recorded(md):
    return nbformat.read(md.with_suffix(".ipynb"), as_version=4)


def recorded_code_cells(md):
    """The code cells of the notebook that belong to the chapter (its first installs d2lsupport)."""
    return [cell for cell in recorded(md).cells if cell.cell_type == "code"][1:]


def sections(md):
    """The second-level headings, in order; code cells do not count."""
    prose = re.sub(r"^```.*?^```$", "", md.read_text(), flags=re.M | re.S)
    return re.findall(r"^## (.+)$", prose, flags=re.M)


def definitions(md):
    """Functions and classes that a chapter prints: name -> source, the first of each name."""
    found = {}
    for cell in code_cells(md):
        source = re.sub(r"^[%!].*$", "", cell.source, flags=re.M)
        for node in ast.parse(source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.setdefault(node.name, ast.get_source_segment(source, node))
    return found
