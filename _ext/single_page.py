"""Mends of the book as one page, from which its PDF is printed."""

import re

from docutils import nodes
from sphinx import addnodes

NUMBERED = re.compile(r"id\d+")


def add_missing_writers(app):
    """Write theorems in the one page as on many.

    Sphinx looks for a node's writer under the builder's name and, only if nothing at all stands
    there, under its format; sphinx-exercise registers its own nodes as "singlehtml".
    """
    handlers = app.registry.translation_handlers
    handlers["singlehtml"] = {**handlers["html"], **handlers.get("singlehtml", {})}


def tell_anchors_apart(app, doctree, docname):
    """Give id1, id2, … of each page names of their own: they mark citations and their sources."""
    if app.builder.name != "singlehtml":
        return
    for page in doctree.findall(addnodes.start_of_file):
        prefix = page["docname"].replace("/", "-")
        for node in page.findall(nodes.Element):
            for key in ("ids", "backrefs"):
                node[key] = [f"{prefix}-{i}" if NUMBERED.fullmatch(i) else i for i in node[key]]
            if NUMBERED.fullmatch(node.get("refid", "")):
                node["refid"] = f"{prefix}-{node['refid']}"
    for reference in doctree.findall(nodes.reference):
        target = re.search(r"#document-(.+)#(id\d+)$", reference.get("refuri", ""))
        if target:
            name = target[1].replace("/", "-") + "-" + target[2]
            reference["refuri"] = f"#document-{target[1]}#{name}"


def setup(app):
    app.connect("builder-inited", add_missing_writers)
    app.connect("doctree-resolved", tell_anchors_apart, priority=900)
    return {"parallel_read_safe": True}
