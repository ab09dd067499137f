"""Execute what must be executed: all chapters after an edit of the helper package, some at a time.

Jupyter Book keeps the outputs of a chapter by the chapter's own code. They also depend on
`d2lsupport` and on the versions installed, so the cache is dropped when either changes. It executes
one page after the other; here those that are not in the cache are executed first, one for each
core. A page with `execute_alone: true` in its front matter, because it measures times, comes after
them and has the machine to itself. What fails is left out of the cache: MyST-NB executes it once
more, and fails the build.
"""

import hashlib
import importlib.metadata
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import create_nb_reader


def fingerprint(srcdir):
    """Digest of the package's code, the pins, Python, and the libraries that compute."""
    files = [Path(srcdir, name) for name in ("requirements.txt", "constraints.txt")]
    for kind in ("py", "js", "css"):
        files += sorted(Path(srcdir, "d2lsupport").glob(f"*.{kind}"))
    versions = [importlib.metadata.version(name) for name in ("torch", "torchvision", "matplotlib")]
    digest = hashlib.sha256(repr((sys.version, versions)).encode())
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def cache_folder(app):
    return Path(app.env.mystnb_config.execution_cache_path or app.outdir.parent / ".jupyter_cache")


def drop_stale_outputs(app):
    stamp = app.outdir.parent / ".outputs-made-with"
    current = fingerprint(app.srcdir)
    app.outputs_are_stale = not stamp.exists() or stamp.read_text() != current
    if app.outputs_are_stale:
        shutil.rmtree(cache_folder(app), ignore_errors=True)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(current)


def reread_everything(app, env, added, changed, removed):
    return env.found_docs if app.outputs_are_stale else []


def execute_in_parallel(app, env, docnames):
    cache = get_cache(cache_folder(app))
    waiting = {}
    for path in (Path(env.doc2path(name)) for name in docnames):
        content = path.read_text()
        reader = create_nb_reader(str(path), env.myst_config, env.mystnb_config, content)
        if reader is not None:
            notebook = reader.read(content)
            try:
                cache.match_cache_notebook(notebook)
            except KeyError:
                waiting[path] = notebook

    def execute(path):
        timeout = env.mystnb_config.execution_timeout
        try:
            return single_nb_execution(waiting[path], str(path.parent), timeout, allow_errors=False)
        except RuntimeError:  # another program took a port before the kernel could
            return None

    alone = [path for path in waiting if waiting[path].metadata.get("execute_alone")]
    together = [path for path in waiting if path not in alone]
    for paths, workers in (together, len(os.sched_getaffinity(0))), (alone, 1):
        with ThreadPoolExecutor(workers) as pool:
            for path, result in zip(paths, pool.map(execute, paths)):
                if result and result.err is None:
                    data = {"execution_seconds": result.time}
                    bundle = CacheBundleIn(waiting[path], str(path), data=data)
                    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def setup(app):
    app.connect("builder-inited", drop_stale_outputs, priority=900)  # after myst-nb set its path
    app.connect("env-get-outdated", reread_everything)
    app.connect("env-before-read-docs", execute_in_parallel)
    return {"parallel_read_safe": True}
