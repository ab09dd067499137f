"""Mends of the stock theme."""


def drop_thebe(app, pagename, templatename, context, doctree):
    """Leave out thebe, which Jupyter Book adds to each page twice though no page uses it."""

    def is_thebe(script):
        text = f"{getattr(script, 'filename', script)} {script.attributes.get('body', '')}"
        return "thebe" in text.lower()

    context["script_files"] = [s for s in context["script_files"] if not is_thebe(s)]


def setup(app):
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True}
