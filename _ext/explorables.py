"""Explorable figures: a page links their script and style once; outputs do not repeat them."""

import shutil
from importlib.util import find_spec
from pathlib import Path

# `explore.code()` would take two seconds to import.
PACKAGE = Path(find_spec("d2lsupport").origin).parent
FILES = SCRIPT, STYLE = PACKAGE / "explore.js", PACKAGE / "explore.css"


def copy_files(app):
    target = Path(app.outdir, "_static")
    target.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copy(file, target)


def link_files(app, pagename, templatename, context, doctree):
    style, script = STYLE.read_text("utf-8"), SCRIPT.read_text("utf-8")
    code = f"<style>\n{style}</style>\n<script>\n{script}</script>"
    if code in context.get("body", ""):
        context["body"] = context["body"].replace(code, "")
        app.add_js_file(SCRIPT.name, loading_method="defer")  # in this event: for this page alone
        app.add_css_file(STYLE.name)


def setup(app):
    app.connect("builder-inited", copy_files)
    app.connect("html-page-context", link_files)
    return {"parallel_read_safe": True}
