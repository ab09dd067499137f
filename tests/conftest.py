"""What tests of the built pages share."""

from pathlib import Path

import pytest

from chapters import ROOT


@pytest.fixture(scope="session")
def book() -> Path:
    """The built book, `_build/html`; `make test` builds it first."""
    html = ROOT / "_build" / "html"
    sources = [ROOT / "intro.md", *ROOT.glob("chapters/*.md"), *ROOT.glob("reference/*.md")]
    built = html / "searchindex.js"
    if not built.exists() or built.stat().st_mtime < max(s.stat().st_mtime for s in sources):
        pytest.fail(f"{html} is missing or older than the sources: run `make book` first.")
    return html
