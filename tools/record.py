"""Execute the chapters and write them as notebooks: python tools/record.py [chapters/NN-*.md ...]

The `.md` files are the source. The `.ipynb` beside each is what Colab, Binder and nbval read: the
same code with its outputs, and the text as plain Markdown, since Colab knows no MyST. Solutions
move to the end. Never edit an `.ipynb` by hand; a test compares it with its source.
"""

import ctypes
import functools
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
REPOSITORY, SITE = CONFIG["repository"]["url"], CONFIG["html"]["baseurl"]
BIBLIOGRAPHY = parse_file(ROOT / "references.bib").entries

SETUP = f"""\
# Only where d2lsupport is missing (Colab): install it, and leave torch alone.
import importlib.util, subprocess, sys

if importlib.util.find_spec("d2lsupport") is None:
    package = "git+{REPOSITORY}"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run(command + [package], check=True)
    importlib.invalidate_caches()"""

FENCE = re.compile(r"^(`{3,})\{([\w:-]+)\} ?(.*)\n((?:.*\n)*?)\1[ \t]*$", re.M)
MATHS = re.compile(r"^\$\$\n((?:.*\n)*?)\$\$(?: \(([\w-]+)\))?[ \t]*$", re.M)
HEADING = re.compile(r"^(#{1,4}) (.+)$", re.M)
BLOCK = re.compile(f"{FENCE.pattern}|{MATHS.pattern}|{HEADING.pattern}", re.M)
GATE = re.compile(r"^```\{solution-(start|end)\} ?(.*)\n(?::.*\n)*```[ \t]*$", re.M)
TARGET = re.compile(r"^\(([\w-]+)\)=\n", re.M)
QUOTED_MATHS = re.compile(r"(\$\$?)[^$]+\1")
ROLE = re.compile(r"\{([\w:-]+)\}`([^`]+)`")
TITLES = {"note": "Note", "tip": "Tip", "warning": "Warning"}
NUMBERED = {"prf:theorem": "Theorem", "prf:lemma": "Lemma", "prf:definition": "Definition",
            "prf:corollary": "Corollary", "prf:proposition": "Proposition", "prf:remark": "Remark"}


def options(body):
    """Split a directive's body into its `:key: value` lines and the rest."""
    lines, found = body.split("\n"), {}
    while lines and (match := re.fullmatch(r":([\w-]+): ?(.*)", lines[0])):
        found[match[1]] = match[2]
        lines.pop(0)
    return found, "\n".join(lines).strip()


def quote(text):
    """A block quote. Maths stands on one line: JupyterLab takes a ">" within it for maths."""
    text = QUOTED_MATHS.sub(lambda match: re.sub(r"\s*\n\s*", " ", match[0]), text)
    return "\n".join(("> " + line).rstrip() for line in text.strip().split("\n"))


class Chapter:
    """Plain Markdown for one chapter, numbered as Sphinx numbers it."""

    def __init__(self, md):
        self.number = int(md.name[:2])
        self.counts = {}
        self.labels = {}    # label -> what a reference to it says
        self.targets = {}   # title of a section -> its label
        self.sections = [0, 0, 0]

    def count(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{self.number}.{self.counts[kind]}"

    def caption(self, cell):
        """The caption of a figure cell, numbered; None for other cells."""
        figure = cell.metadata.get("mystnb", {}).get("figure")
        if not figure:
            return None
        number = self.count("figure")
        self.labels[figure["name"]] = f"Fig. {number}"
        return f"*Fig. {number}:* {figure['caption'].strip()}"

    def heading(self, match):
        level, title = len(match[1]), match[2]
        if level == 1:
            return f"# {self.number}. {title}"
        self.sections[level - 2] += 1
        self.sections[level - 1 :] = [0] * (4 - level)
        number = ".".join(map(str, [self.number, *self.sections[: level - 1]]))
        if title in self.targets:
            self.labels[self.targets[title]] = f"§ {number} (*{title}*)"
        return f"{match[1]} {number}. {title}"

    def maths(self, match):
        body, label = match[1].rstrip("\n"), match[2]
        if not label:
            return match[0]
        number = self.count("equation")
        self.labels[label] = f"({number})"
        return f"$$\n{body}\n\\tag{{{number}}}\n$$"

    def directive(self, match):
        name, title = match[2], match[3].strip()
        option, body = options(match[4])
        if name == "exercise":
            self.labels[option["label"]] = f"Exercise {self.count('exercise')}"
            return f"**{self.labels[option['label']]}** ({title})\n\n{body}"
        if name == "prf:proof":
            return quote(f"*Proof.* {body}")
        if name in NUMBERED:
            text = f"{NUMBERED[name]} {self.count(name)}"
            self.labels[option["label"]] = text
            return quote(f"**{text}**{f' ({title})' if title else ''}\n\n{body}")
        if name == "admonition" or name in TITLES:
            return quote(f"**{title or TITLES[name]}**\n\n{body}")
        raise ValueError(f"no plain Markdown for the directive {{{name}}}")

    def plain(self, text):
        """Directives, equations and headings of a piece of text, in the order of the page."""
        def replace(match):
            whole = match[0]
            if whole.startswith("#"):
                return HEADING.sub(self.heading, whole)
            whole = MATHS.sub(self.maths, whole)    # a directive's body may hold equations
            return FENCE.sub(self.directive, whole)

        for target in TARGET.finditer(text):
            following = text[target.end() :].split("\n")[0]
            self.targets[following.lstrip("# ")] = target[1]
        text = BLOCK.sub(replace, TARGET.sub("", text)).strip()
        if "```{" in text:
            raise ValueError(f"a directive inside a directive has no plain Markdown: {text}")
        return text


def cite(keys, textual):
    texts = []
    for key in keys.split(","):
        entry = BIBLIOGRAPHY[key.strip()]
        people = [" ".join(p.prelast_names + p.last_names) for p in entry.persons["author"]]
        people = [name.strip("{}") for name in people]    # an institution, for BibTeX
        names = " and ".join(people) if len(people) < 3 else f"{people[0]} et al."
        year = entry.fields["year"]
        text = f"{names} ({year})" if textual else f"{names}, {year}"
        texts.append(f"[{text}]({SITE}reference/bibliography.html)")
    return " and ".join(texts) if textual else f"({'; '.join(texts)})"


def link(target, title):
    path = (ROOT / "chapters" / target).resolve().relative_to(ROOT)
    title = title or next(
        line[2:] for line in (ROOT / f"{path}.md").read_text().splitlines() if line.startswith("# ")
    )
    return f"[{title}]({SITE}{path}.html)"


@functools.cache
def exercises():
    """The exercises of all chapters: label -> a link that says which one it is."""
    found = {}
    for md in sorted((ROOT / "chapters").glob("*.md")):
        labels = re.findall(r"^`{3,}\{exercise\}.*\n:label: (\S+)$", md.read_text(), re.M)
        for i, label in enumerate(labels, start=1):
            page = f"{SITE}chapters/{md.stem}.html#{label}"
            found[label] = f"[Exercise {int(md.name[:2])}.{i}]({page})"
    return found


def resolve(text, labels, glued):
    """Replace the roles of a piece of text by what they show."""
    labels = exercises() | labels    # those of the chapter itself need no link

    def role(match):
        name, content = match[1], match[2]
        titled = re.fullmatch(r"(.+?) ?<(.+)>", content, re.S)
        title, target = (titled[1], titled[2]) if titled else (None, content)
        if name == "glue:text":
            return glued[content]
        if name in ("eq", "numref", "ref", "prf:ref"):
            if title in (None, "an exercise"):
                return labels[target]
            number = labels[target].split(" (*")[0]
            opened = match.string[: match.start()].endswith("(")
            return f"{title} [{number}]" if opened else f"{title} ({number})"
        if name == "doc":
            return link(target, title)
        if name in ("cite:t", "cite:p"):
            return cite(content, textual=name == "cite:t")
        raise ValueError(f"no plain Markdown for the role {match[0]}")

    return ROLE.sub(role, text)


def glued_values(cells):
    """The values that cells glued: name -> text."""
    values = {}
    for cell in cells:
        for output in cell.get("outputs", []):
            if name := output.get("metadata", {}).get("scrapbook", {}).get("name"):
                values[name] = output.data["application/papermill.record/text/plain"].strip("'\"")
    return values


def blank(md):
    """The notebook of a chapter before it is run: cells and the labels of the chapter."""
    md = Path(md)
    source, chapter = jupytext.read(md), Chapter(md)
    main, solutions, target = [], [], None
    target = main

    for cell in source.cells:
        if cell.cell_type == "code":
            tags = cell.metadata.get("tags", [])
            metadata = {"tags": tags} if tags else {}
            if {"remove-cell", "remove-input", "hide-input"} & set(tags):
                metadata |= {"jupyter": {"source_hidden": True}, "cellView": "form"}    # Lab, Colab
            target.append(new_code_cell(cell.source, metadata=metadata))
            if caption := chapter.caption(cell):
                target.append(new_markdown_cell(caption))
            continue
        # a gate of a solution switches between the chapter and the solutions at its end
        parts = GATE.split(cell.source)
        for gate, label, text in zip(["", *parts[1::3]], ["", *parts[2::3]], parts[::3]):
            text = chapter.plain(text)
            if gate == "start":
                target = solutions
                text = f"### Solution of {chapter.labels[label.strip()]}\n\n{text}"
            elif gate == "end":
                target = main
            if text.strip():
                target.append(new_markdown_cell(text.strip()))

    source_url = f"{REPOSITORY}/blob/{CONFIG['repository']['branch']}/chapters/{md.name}"
    head = (f"*Made from [{md.name}]({source_url}) by `make notebooks`; "
            f"read it as [a page]({SITE}chapters/{md.stem}.html).*")
    cells = [new_markdown_cell(head), new_code_cell(SETUP), *main]
    if solutions:
        cells += [new_markdown_cell("## Solutions"), *solutions]
    codes = [c.source for c in source.cells if c.cell_type == "code"]
    assert [c.source for c in cells if c.cell_type == "code"][1:] == codes, (
        f"{md.name}: a code cell stands after a solution; solutions come last"
    )
    nb = nbformat.v4.new_notebook(cells=cells, metadata={
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    })
    for i, cell in enumerate(nb.cells):
        cell["id"] = f"cell-{i:03d}"
    return nb, chapter.labels


def finish(nb, labels, outputs_of=None):
    """Resolve the roles in the text, with the numbers that the cells of `outputs_of` glued."""
    glued = glued_values((outputs_of or nb).cells)
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = resolve(cell.source, labels, glued)
    return nb


def keep_timings(nb, recorded):
    """Let the cells that show timings keep the outputs recorded before, if all are unchanged.

    They differ from run to run; a notebook recorded twice is the same, byte for byte. All or none,
    so that a figure and the sentence about it show one run.
    """
    earlier = {cell.source: cell for cell in nbformat.read(recorded, as_version=4).cells}
    timed = [cell for cell in nb.cells if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    before = [earlier.get(cell.source) for cell in timed]
    if all(b and b.metadata.get("tags") == c.metadata.tags for b, c in zip(before, timed)):
        for cell, old in zip(timed, before):
            cell.outputs = old.outputs


def record(md):
    nb, labels = blank(md)
    NotebookClient(nb, timeout=600, record_timing=False, coalesce_streams=True,
                   resources={"metadata": {"path": str(md.parent)}}).execute()
    nb.metadata["language_info"] = {"name": "python"}
    for cell in nb.cells:
        cell.metadata.pop("execution", None)
    if md.with_suffix(".ipynb").exists():
        keep_timings(nb, md.with_suffix(".ipynb"))
    finish(nb, labels)
    nbformat.validate(nb)
    nbformat.write(nb, md.with_suffix(".ipynb"))
    print("wrote", md.with_suffix(".ipynb").relative_to(ROOT), flush=True)


if __name__ == "__main__":
    # The recorded numbers are those of one thread. The last bits of some sums depend on where their
    # terms lie in memory, so that a kernel gets the same addresses each time.
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_CBWR": "AVX2", "PYTHONHASHSEED": "0"}
    if sys.platform == "linux":
        ctypes.CDLL(None).personality(0x0040000)  # ADDR_NO_RANDOMIZE, for the processes it starts
    chapters = [Path(a).resolve() for a in sys.argv[1:]] or sorted((ROOT / "chapters").glob("*.md"))
    alone = [md for md in chapters if "\nexecute_alone: true\n" in md.read_text()]
    together = [md for md in chapters if md not in alone]
    for mds, workers in (together, os.cpu_count()), (alone, 1):
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(record, mds))
