"""Mends of the stock theme."""


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
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True}
