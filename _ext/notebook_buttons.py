"""Buttons that open or download a page as a notebook give the recorded one, or are not there."""

import shutil
from pathlib import Path


def drop_buttons_without_notebook(app, pagename, templatename, context, doctree):
    """Where no notebook lies beside the source, Binder and Colab have nothing to open."""
    if Path(app.srcdir, f"{pagename}.ipynb").exists():
        return

    def kept(buttons):
        unwanted = ("launch-buttons", "download-notebook-button")
        return [button for button in buttons if button.get("label") not in unwanted]

    buttons = kept(context.get("header_buttons", []))
    for group in buttons:
        if "buttons" in group:
            group["buttons"] = kept(group["buttons"])
    context["header_buttons"] = buttons


def offer_recorded_notebooks(app, exception):
    """The notebooks that the build leaves hold MyST, which only the book can show."""
    sources = Path(app.outdir, "_sources")
    for built in [] if exception else sources.rglob("*.ipynb"):
        recorded = Path(app.srcdir, built.relative_to(sources))
        if recorded.exists():
            shutil.copyfile(recorded, built)
        else:
            built.unlink()


def setup(app):
    app.connect("html-page-context", drop_buttons_without_notebook, priority=900)
    app.connect("build-finished", offer_recorded_notebooks)
    return {"parallel_read_safe": True}
