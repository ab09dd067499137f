"""The built pages in a real browser: complete, legible and usable by all, with no other host.

Skipped where there is no Chromium; `.ci/run` installs one.
"""

import contextlib
import functools
import http.server
import os
import threading
from pathlib import Path
from urllib.parse import urljoin

import axe_playwright_python
import pdf
import pypdf
import pytest
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

from chapters import CHAPTERS, ROOT

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
NAMES = [TOC["root"], *(entry["file"] for part in TOC["parts"] for entry in part["chapters"])]
CHAPTER = f"chapters/{CHAPTERS[1].stem}.html"
FEW_FORMULAS = f"chapters/{CHAPTERS[4].stem}.html"  # soon loaded
TERMS = ["pseudoinverse", "gradcheck", "load_array", "log-sum-exp", "pin_memory"]
TERMS += ["Wilson", "LazyLinear", "torchrun"]

# What axe looks at: of each colour of code one word, of each formula nothing but its place. Both
# come in thousands, and say nothing new after the first; formulas are checked on the notation page.
THIN_OUT = """() => {
  const words = [...document.querySelectorAll("pre span")], seen = new Set();
  const colours = words.map((word) =>
    word.className + getComputedStyle(word.parentElement).backgroundColor);
  words.forEach((word, i) => {
    if (seen.has(colours[i])) word.replaceWith(...word.childNodes);
    seen.add(colours[i]);
  });
  document.querySelectorAll("mjx-container").forEach((formula) => formula.replaceChildren("x"));
}"""
VIOLATIONS = """async () => {
  const { violations } = await axe.run(document, { preload: false, resultTypes: ["violations"],
    rules: { "color-contrast": { enabled: false } } });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
}"""
# Contrast is slow to judge: of all texts of one colour and size on one ground, one is judged.
CONTRAST = """async (judged) => {
  const texts = new Map();
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!e.checkVisibility({ visibilityProperty: true }) || !(text || e.matches("input"))) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(e);
    const kind = [e.localName === "input", color, fontSize, fontWeight];
    for (let a = e; a; a = a.parentElement) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(a);
      const ground = [backgroundColor, backgroundImage, opacity].join();
      if (ground !== "rgba(0, 0, 0, 0),none,1") kind.push(ground);
    }
    texts.set(kind.join("; "), e);
  }
  const kinds = [...texts.keys()], fresh = kinds.filter((kind) => !judged.includes(kind));
  const asked = fresh.map((kind) => texts.get(kind));
  const { violations, passes } = asked.length ? await axe.run(asked, { preload: false,
    elementRef: true, resultTypes: ["violations", "passes"], runOnly: "color-contrast" })
    : { violations: [], passes: [] };
  const sure = new Set(passes.flatMap(({ nodes }) => nodes.map((node) => node.element)));
  return [fresh.filter((kind) => sure.has(texts.get(kind))),
    violations.flatMap(({ nodes }) => nodes.map((node) => node.html))];
}"""
JUDGED = set()  # kinds of text that were found legible on some page
FAULTS = """() => [
  ...[...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src),
  ...[...document.querySelectorAll("mjx-merror, [data-mjx-error]")].map((e) => e.outerHTML),
  ...[...document.querySelectorAll(".math:not(:has(mjx-container))")].map((e) => e.outerHTML),
]"""
CUT_CODE = """() => [...document.querySelectorAll(".bd-content pre")]
  .filter((pre) => pre.scrollWidth > pre.clientWidth).map((pre) => pre.innerText)"""
# The theme sees 0.3 s after a change of size, which a page is told with a frame, what boxes scroll.
SETTLED = """() => new Promise((done) => requestAnimationFrame(() =>
  requestAnimationFrame(() => setTimeout(done, 400))))"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def served(book, handler=Quiet):
    """The address of the built book, served on this machine."""
    handler = functools.partial(handler, directory=str(book))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def site(book):
    with served(book) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    if pdf.browser_path() is None:
        (pytest.fail if os.environ.get("BROWSER_REQUIRED") else pytest.skip)("no Chromium here")
    arguments = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=pdf.browser_path(), args=arguments)
        yield browser
        browser.close()


class Tab:
    """A browser page that notes what goes wrong and reaches no host but the site."""

    def __init__(self, browser, site, **options):
        self.site, self.faults = site, []
        self.context = browser.new_context(reduced_motion="reduce", **options)
        self.context.route("**/*", self.keep_inside)
        self.page = self.context.new_page()
        self.page.on("console", self.note)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("requestfailed", lambda request: self.faults.append(f"failed: {request.url}"))

    def keep_inside(self, route):
        if route.request.url.startswith((self.site, "data:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"outside: {route.request.url}")
            route.abort()

    def note(self, message):
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def open(self, name):
        self.page.goto(self.site + name)
        self.page.wait_for_function("document.readyState === 'complete'")
        self.page.evaluate("async () => { await window.MathJax?.startup.promise }")
        return self.page


@pytest.fixture
def tab(chromium, site):
    tabs = []

    def new(**options):
        tabs.append(Tab(chromium, site, **{"viewport": DESKTOP, **options}))
        return tabs[-1]

    yield new
    for each in tabs:
        each.context.close()


@pytest.mark.parametrize("name", [*NAMES, "search"])
def test_a_page_is_whole_quiet_and_accessible_on_desktop_and_phone_in_light_and_dark(tab, name):
    visit = tab(viewport=PHONE, color_scheme="light")
    page = visit.open(f"{name}.html")
    assert page.evaluate(OVERFLOW) <= 0
    page.set_viewport_size(DESKTOP)
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(CUT_CODE) == []
    page.evaluate("document.querySelectorAll('img').forEach(i => { i.loading = 'eager' })")
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    assert page.evaluate(FAULTS) == []
    assert visit.faults == []
    if name != "reference/notation":
        page.evaluate(THIN_OUT)
    page.evaluate(AXE)
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        page.evaluate(SETTLED)
        assert page.evaluate(VIOLATIONS) == []
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
            legible, faint = page.evaluate(CONTRAST, list(JUDGED))
            JUDGED.update(legible)
            assert JUDGED and faint == []
    assert visit.faults == []


def test_a_page_works_from_the_disk(chromium, book):
    visit = Tab(chromium, book.as_uri(), viewport=DESKTOP)
    page = visit.open("/" + CHAPTER)
    assert page.evaluate(FAULTS) == []
    assert page.locator("mjx-container").count() > 50
    assert visit.faults == []
    visit.context.close()


@pytest.mark.parametrize(("md", "term"), list(zip(CHAPTERS, TERMS, strict=True)), ids=TERMS)
def test_search_finds_a_term_of_each_chapter(tab, md, term):
    visit = tab()
    page = visit.open(f"search.html?q={term}")
    page.wait_for_selector(f"#search-results a[href*='{md.stem}']")
    assert visit.faults == []


def test_next_leads_through_the_whole_book_and_previous_back(book):
    found = {"right-next": [], "left-prev": []}
    for name in NAMES:
        text = (book / f"{name}.html").read_text().partition('<div class="prev-next-area">')[2]
        footer = BeautifulSoup(text, "html.parser")
        for kind, names in found.items():
            hrefs = [urljoin(name, link["href"]) for link in footer.select(f"a.{kind}")]
            names.append(hrefs[0].removesuffix(".html") if hrefs else None)
    assert found == {"right-next": [*NAMES[1:], None], "left-prev": [None, *NAMES[:-1]]}


def test_solutions_are_hidden_and_open_by_click_and_by_key(tab):
    page = tab().open(FEW_FORMULAS)
    solutions = page.locator(".solution.dropdown, .solution.toggle")
    assert solutions.count() >= 5
    content, button = solutions.first.locator("section").first, solutions.first.locator("button")
    assert not content.is_visible()
    button.first.click()
    assert content.is_visible()
    button.first.press("Enter")
    assert not content.is_visible()


def test_a_copy_button_copies_the_code_alone(tab, site):
    visit = tab()
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.rstrip("/"))
    page = visit.open(FEW_FORMULAS)
    cell = page.locator(".cell_input").first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()


def test_the_theme_switch_goes_through_its_modes_and_is_remembered(tab):
    page = tab(color_scheme="light").open(FEW_FORMULAS)
    seen = set()
    for _ in range(3):
        page.locator(".theme-switch-button").first.click()
        seen.add(page.evaluate("document.documentElement.dataset.theme"))
    assert seen == {"light", "dark"}
    page.evaluate("localStorage.setItem('mode', 'dark'); localStorage.setItem('theme', 'dark')")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


# Everything that can be used and seen; of radio-like groups and closed menus only what shows.
USABLE = """() => [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled
          && e.tabIndex >= 0 && e.getClientRects().length)
  .map((e, i) => { e.dataset.usable = i; return e.outerHTML.slice(0, 120); })"""


@pytest.mark.parametrize("name", ["intro", "chapters/05-image-classification-dataset"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_keyboard_alone_reaches_everything(tab, name, size):
    page = tab(viewport=size).open(f"{name}.html")
    usable = page.evaluate(USABLE)
    assert len(usable) > 10
    reached = set()
    for _ in range(len(usable) + 20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.usable"))
    missed = [html for i, html in enumerate(usable) if str(i) not in reached]
    assert missed == []


def test_a_printed_chapter_has_no_navigation_no_cut_code_and_no_blank_page(tab, tmp_path):
    visit = tab(viewport={"width": 690, "height": 1000})  # A4 less its margins
    page = visit.open(CHAPTER)
    page.emulate_media(media="print")
    for part in (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer", ".copybtn"):
        assert page.locator(part).count() and not page.locator(part).first.is_visible(), part
    assert page.evaluate(CUT_CODE) == []
    pdf.print_page(page, tmp_path / "chapter.pdf")
    printed = pypdf.PdfReader(tmp_path / "chapter.pdf")
    assert all(len(sheet.extract_text()) > 40 for sheet in printed.pages)
    assert "Linear regression from scratch" in printed.pages[0].extract_text().replace("\n", " ")
    assert printed.outline
