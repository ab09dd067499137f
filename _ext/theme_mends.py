"""Mends of the stock theme."""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform


class KeepTogether(SphinxPostTransform):
    """Leave no punctuation alone on a line.

    Browsers may break a line on either side of a formula, even before a full stop. So a formula
    and the marks next to it become one unbroken piece, and so does a short piece of code.
    """

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        for code in self.document.findall(nodes.literal):
            if len(code.astext()) <= 9:
                code["classes"].append("unbroken")
        for formula in list(self.document.findall(nodes.math)):
            parent, place = formula.parent, formula.parent.index(formula)
            before, after = "", ""
            if place > 0 and isinstance(parent[place - 1], nodes.Text):
                before = re.search(r"[(“‘]*$", parent[place - 1])[0]
            if place + 1 < len(parent) and isinstance(parent[place + 1], nodes.Text):
                after = re.match(r"[-.,;:!?)”’]*", parent[place + 1])[0]
            piece = nodes.inline("", "", nodes.Text(before), formula.deepcopy(), nodes.Text(after))
            piece["classes"].append("unbroken")
            if after:
                parent[place + 1] = nodes.Text(parent[place + 1][len(after) :])
            if before:
                parent[place - 1] = nodes.Text(parent[place - 1][: -len(before)])
            if before or after:
                parent[place] = piece


def drop_thebe(context):
    """Leave out thebe, which Jupyter Book adds to each page twice though no page uses it."""

    def is_thebe(file):
        body = getattr(file, "attributes", {}).get("body", "")
        return "thebe" in f"{getattr(file, 'filename', file)} {body}".lower()

    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if not is_thebe(file)]


def name_list_items(context):
    """Give entries of the bibliography the role that a list needs.

    Docutils writes "doc-biblioentry", deprecated since (https://github.com/w3c/dpub-aria/pull/22).
    """
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def mend(app, pagename, templatename, context, doctree):
    drop_thebe(context)
    name_list_items(context)


def setup(app):
    app.add_post_transform(KeepTogether)
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True}
