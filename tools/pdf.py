"""Print the one-page form of the book to PDF with Chromium: `make pdf`."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "google-chrome", "chromium-browser")
FOOTER = '<div style="font-size: 8pt; width: 100%; text-align: center" class="pageNumber"></div>'
MARGIN = {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}


def browser_path():
    """Chromium as the system installed it, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def print_page(page, path):
    """Write an open page as A4 sheets with bookmarks of its headings."""
    page.emulate_media(media="print", color_scheme="light")
    page.pdf(
        path=path, format="A4", margin=MARGIN, print_background=True, outline=True, tagged=True,
        display_header_footer=True, header_template="<span></span>", footer_template=FOOTER,
    )  # fmt: skip


def main(html, path):
    if browser_path() is None:
        sys.exit(f"The PDF is printed by Chromium; none of {', '.join(NAMES)} is on the PATH.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(Path(html).resolve().as_uri())
        page.evaluate("async () => { await MathJax.startup.promise }")
        print_page(page, path)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
