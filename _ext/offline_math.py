"""Serve MathJax from the site itself: its script and fonts come from an installed package."""

import importlib.util
import shutil
from pathlib import Path

SCRIPT = "tex-mml-chtml.js"
FONTS, EXTENSIONS = "output/chtml/fonts/woff-v2", "input/tex/extensions"


def copy_mathjax(app, exception):
    if exception or app.builder.format != "html":
        return
    package = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent
    source, target = package / "static" / "mathjax", Path(app.outdir, "_static", "mathjax")
    for folder in (FONTS, EXTENSIONS):
        shutil.copytree(source / folder, target / folder, dirs_exist_ok=True)
    shutil.copyfile(source / SCRIPT, target / SCRIPT)


def point_to_copy(app, config):
    config.mathjax_path = f"mathjax/{SCRIPT}"


def setup(app):
    app.connect("config-inited", point_to_copy)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True}
