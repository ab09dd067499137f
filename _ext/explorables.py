"""Explorable figures: a page links their script and style once; outputs do not repeat them."""

import shutil
from pathlib import Path

from d2lsupport import explore

FILES = [Path(explore.__file__).with_suffix(kind) for kind in (".js", ".css")]


def copy_files(app):
    target = Path(app.outdir, "_static")
    target.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copy(file, target)


def link_files(app, pagename, templatename, context, doctree):
    code = explore.code()
    if code in context.get("body", ""):
        context["body"] = context["body"].replace(code, "")
        app.add_js_file(FILES[0].name, loading_method="defer")  # in this event: for this page alone
        app.add_css_file(FILES[1].name)


def setup(app):
    app.connect("builder-inited", copy_files)
    app.connect("html-page-context", link_files)
    return {"parallel_read_safe": True}
