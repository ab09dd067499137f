"""Never answer an edit of the helper package with numbers from the cache.

Jupyter Book keeps the outputs of a chapter by the chapter's own code. They also depend on
`d2lsupport` and on the versions installed, so the cache is dropped when either changes.
"""

import hashlib
import importlib.metadata
import shutil
import sys
from pathlib import Path


def fingerprint(srcdir):
    """Digest of the package's code, the pins, Python, and the libraries that compute."""
    files = [Path(srcdir, "requirements.txt")]
    for kind in ("py", "js", "css"):
        files += sorted(Path(srcdir, "d2lsupport").glob(f"*.{kind}"))
    versions = [importlib.metadata.version(name) for name in ("torch", "torchvision", "matplotlib")]
    digest = hashlib.sha256(repr((sys.version, versions)).encode())
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def drop_stale_outputs(app):
    cache = Path(app.env.mystnb_config.execution_cache_path or app.outdir.parent / ".jupyter_cache")
    stamp = app.outdir.parent / ".outputs-made-with"
    current = fingerprint(app.srcdir)
    app.outputs_are_stale = not stamp.exists() or stamp.read_text() != current
    if app.outputs_are_stale:
        shutil.rmtree(cache, ignore_errors=True)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(current)


def reread_everything(app, env, added, changed, removed):
    return env.found_docs if app.outputs_are_stale else []


def setup(app):
    app.connect("builder-inited", drop_stale_outputs, priority=900)  # after myst-nb set its path
    app.connect("env-get-outdated", reread_everything)
    return {"parallel_read_safe": True}
