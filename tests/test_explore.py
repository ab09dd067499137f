"""The explorable figures: their mathematics under node, and the whole in Chromium and Firefox.

What is expected comes from PyTorch. A reader's hands are all that touches the figures here: keys,
mouse and finger, and what is read is what the page shows.
"""

import html
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import test_browser
import torch
import torch.nn.functional as F
from firefox import PATH as FIREFOX
from firefox import Firefox

import d2lsupport as d2l
from chapters import CHAPTERS, recorded
from d2lsupport import explore

chromium, site = test_browser.chromium, test_browser.site  # fixtures
SCRIPT = Path(explore.__file__).with_suffix(".js")
REQUIRED = bool(os.environ.get("BROWSER_REQUIRED"))
km = torch.tensor([0.5, 0.9, 1.2, 1.6, 1.9])
minutes = torch.tensor([8.1, 9.0, 11.2, 12.1, 14.3])


def needed(what, there):
    if not there:
        (pytest.fail if REQUIRED else pytest.skip)(f"no {what} here")


# Mathematics


def node(expression, **given):
    """What an expression over the script's functions and `given` is under node."""
    needed("node", shutil.which("node"))
    names = "const {" + ", ".join(given) + "} = JSON.parse(process.argv[1]);"
    functions = f"Object.assign(globalThis, require({json.dumps(str(SCRIPT))}));"
    code = f"{functions} {names} console.log(JSON.stringify({expression}))"
    done = subprocess.run(["node", "-e", code, json.dumps(given)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def line_loss(x, y, w, b):
    return F.mse_loss(w * torch.as_tensor(x) + b, torch.as_tensor(y)) / 2


def test_the_loss_of_a_line_its_gradient_minimum_and_limit_are_those_of_torch():
    w, b = torch.tensor(1.3, requires_grad=True), torch.tensor(-0.4, requires_grad=True)
    line_loss(km, minutes, w, b).backward()
    A = torch.stack((km, torch.ones(5)), 1)
    w_best, b_best = torch.linalg.lstsq(A, minutes[:, None]).solution.flatten()
    least = line_loss(km, minutes, w_best, b_best)
    limit = 2 / torch.linalg.eigvalsh(A.T @ A / 5)[-1]
    found = node(
        "(({loss, gradient, w, b, least, limit, contour}) => [loss(1.3, -0.4),"
        " ...gradient(1.3, -0.4), w, b, least, limit, ...contour(0.7).map((p) => loss(...p))])"
        "(lineLoss(x, y))",
        x=km.tolist(), y=minutes.tolist(),
    )  # fmt: skip
    expected = [line_loss(km, minutes, 1.3, -0.4), w.grad, b.grad, w_best, b_best, least, limit]
    torch.testing.assert_close(torch.tensor(found[:7]), torch.stack(expected).detach(),
                               rtol=1e-4, atol=1e-4)  # fmt: skip
    on_contour = torch.tensor(found[7:])
    assert len(on_contour) > 60
    torch.testing.assert_close(on_contour, (least + 0.7).expand_as(on_contour))


# The output of a cell

FIGURES = {"line": lambda: explore.fit_line(km, minutes, 0.0, 10.0, "distance (km)", "minutes")}


@pytest.mark.parametrize("kind", FIGURES)
def test_an_output_holds_text_a_picture_with_alt_text_and_all_that_it_needs(kind):
    d2l.use_svg_display()
    figure = FIGURES[kind]()
    bundle = figure._repr_mimebundle_()
    assert bundle == FIGURES[kind]()._repr_mimebundle_()  # the same each time
    assert bundle["text/plain"] == repr(figure) and len(repr(figure)) > 40
    markup = bundle["text/html"].removesuffix(explore.code())
    assert markup != bundle["text/html"] and len(markup) < 60_000
    assert re.search('<img alt="([^"]*)"', markup)[1] == figure.alt
    assert "<svg" in bundle["image/svg+xml"]
    assert not re.search("https?://(?!www.w3.org/)", bundle["text/html"])


def test_the_script_of_the_whole_site_is_small():
    assert SCRIPT.stat().st_size <= 40_000


# In the page


class Chromium:
    """The same few things as in `Firefox`, by Playwright."""

    def __init__(self, browser):
        context = browser.new_context(reduced_motion="reduce", has_touch=True)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: pytest.fail(str(error)))
        self.touch = context.new_cdp_session(self.page)

    def goto(self, url, width, height):
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.goto(url)
        self.frame = self.page.main_frame

    def run(self, script, *arguments):
        return self.frame.evaluate(f"(arguments) => ({script})(...arguments)", list(arguments))

    def enter_frame(self):
        self.frame = self.page.frames[1]

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def drag(self, start, end, touch=False):
        if not touch:
            self.page.mouse.move(*start)
            self.page.mouse.down()
            self.page.mouse.move(*end, steps=4)
            return self.page.mouse.up()
        places = [tuple(a + (b - a) * k / 4 for a, b in zip(start, end)) for k in range(5)]
        for kind, spot in [("Start", places[0]), *[("Move", p) for p in places[1:]], ("End", None)]:
            points = [{"x": spot[0], "y": spot[1]}] if spot else []
            self.touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}",
                                                         "touchPoints": points})  # fmt: skip


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def browser(request):
    if request.param == "firefox":
        needed("Firefox", FIREFOX)
        driver = Firefox()
        yield driver
        driver.close()
    else:
        yield Chromium(request.getfixturevalue("chromium"))


class Reader:
    """A reader before one figure of a page."""

    def __init__(self, browser, selector="explore-figure"):
        self.browser, self.selector = browser, selector
        self.wait_for("(figure) => figure?.querySelector('.live')")
        self.ask("(figure) => figure.scrollIntoView({ block: 'center', behavior: 'instant' })")
        self.config = json.loads(self.ask("(figure) => figure.dataset.config"))

    def ask(self, function):
        return self.browser.run(f"() => ({function})(document.querySelector('{self.selector}'))")

    def wait_for(self, function):
        deadline = time.monotonic() + 20
        while not (result := self.ask(f"(figure) => Boolean(({function})(figure))")):
            assert time.monotonic() < deadline, function
            time.sleep(0.05)
        return result

    def rest(self):
        """Let the figure draw what was asked for."""
        time.sleep(0.15)

    def says(self):
        """The numbers of the line of text; inf and nan too."""
        self.rest()
        text = self.ask("(figure) => figure.querySelector('.say').textContent").replace("−", "-")
        return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?|-?inf|nan", text)]

    def values(self):
        """The values beside the sliders."""
        self.rest()
        texts = self.ask("(f) => [...f.querySelectorAll('output')].map((o) => o.textContent)")
        return [float(text.replace("−", "-")) for text in texts]

    def focus(self, label):
        """Go to a control by its name, as a screen reader tells it."""
        found = self.ask(
            "(figure) => [...figure.querySelectorAll('input, button, [tabindex]')].some((e) =>"
            f" (e.getAttribute('aria-label') ?? e.textContent) === {json.dumps(label)}"
            " && (e.focus(), document.activeElement === e))"
        )
        assert found, f"nothing is called {label}"

    def press(self, label, *keys):
        self.focus(label)
        self.browser.press(*keys)

    def place(self, css, index=0):
        """The middle of a part, in pixels of the window."""
        return self.ask(
            f"(f) => (({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"(f.querySelectorAll({json.dumps(css)})[{index}].getBoundingClientRect())"
        )

    def drag(self, css, index, dx, dy, touch=False):
        x, y = self.place(css, index)
        self.browser.drag((x, y), (x + dx, y + dy), touch)


def page_of(number):
    return f"chapters/{CHAPTERS[number - 1].stem}.html"


def loss_matches(reader):
    """Whether the loss that is shown is that of the line that is shown; torch says so."""
    (w, b), (loss, times, least) = reader.values(), reader.says()
    x, y = reader.config["x"], reader.config["y"]
    A = torch.tensor([[v, 1.0] for v in x])
    best = torch.linalg.lstsq(A, torch.tensor(y)[:, None]).solution.flatten()
    assert least == pytest.approx(line_loss(x, y, *best).item(), abs=0.001)
    assert times == pytest.approx(loss / least, rel=0.02)
    return loss == pytest.approx(line_loss(x, y, w, b).item(), abs=0.001)


@pytest.mark.parametrize("width", [1280, 500])
def test_a_line_is_fitted_by_keys_by_mouse_and_by_finger(browser, site, width):
    browser.goto(site + page_of(1), width, 844)
    reader = Reader(browser, "explore-figure[kind=line]")
    start = reader.values()
    assert start == [reader.config["w"], reader.config["b"]] and loss_matches(reader)
    reader.press("w", *["ArrowRight"] * 30)
    reader.press("b", *["ArrowLeft"] * 30)
    assert reader.values() == pytest.approx([start[0] + 0.3, start[1] - 0.3])
    assert loss_matches(reader)
    for touch in (False, True):
        before = reader.values()
        reader.drag(".handle circle:last-child", 1, 0, -30, touch)  # the right end, up
        after = reader.values()
        assert after[0] > before[0] + 0.2 and loss_matches(reader)
        reader.drag(".handle circle:last-child", 2, 20, 20, touch)  # the guess: w up, b down
        assert reader.values()[0] > after[0] and reader.values()[1] < after[1]
        assert loss_matches(reader)
    reader.press("Least squares", "Enter")
    assert reader.says()[1] == 1
    reader.press("Start again", "Enter")
    assert reader.values() == start
    reader.rest()
    time.sleep(0.6)  # what a screen reader hears follows once the values rest
    assert reader.ask("(f) => f.querySelector('[role=status]').textContent"
                      " === f.querySelector('.say').textContent")  # fmt: skip


# Other hosts

RECORDED = {}  # kind of figure: chapter and output
for md in CHAPTERS:
    for cell in recorded(md).cells:
        for output in cell.get("outputs", []):
            markup = output.get("data", {}).get("text/html", "")
            if found := re.match("<explore-figure kind='(.*?)'", markup):
                RECORDED[found[1]] = md, markup
ACTS = {"line": ("w", "ArrowRight")}
# JupyterLab puts markup into the page, makes its scripts anew, and takes arrow keys for itself.
LAB = """<!doctype html><body data-jp-theme-light="false"><div id="a"></div><div id="b"></div>
<script>
for (const id of ["a", "b"]) {
  const host = document.getElementById(id);
  host.innerHTML = MARKUP;
  for (const old of host.querySelectorAll("script")) {
    const script = document.createElement("script");
    script.textContent = old.textContent;
    old.replaceWith(script);
  }
}
document.addEventListener("keydown", (e) => e.key.startsWith("Arrow") && e.preventDefault());
</script>"""


def test_all_figures_are_recorded_once():
    assert RECORDED.keys() == FIGURES.keys() == ACTS.keys()


@pytest.mark.parametrize("kind", FIGURES)
@pytest.mark.parametrize("host", ["a sandboxed frame", "JupyterLab"])
def test_an_output_works_by_itself_in_a_notebook(browser, tmp_path, host, kind):
    markup = RECORDED[kind][1]
    if host == "JupyterLab":
        text = LAB.replace("MARKUP", json.dumps(markup).replace("</", "<\\/"))
    else:
        inner = html.escape("<!doctype html>" + markup)
        text = f'<iframe sandbox="allow-scripts" width=700 height=800 srcdoc="{inner}"></iframe>'
    page = tmp_path / "page.html"
    page.write_text('<meta charset="utf-8">' + text, "utf-8")
    browser.goto(page.as_uri(), 800, 900)
    if host != "JupyterLab":
        browser.enter_frame()
    reader = Reader(browser)
    assert reader.ask("(f) => getComputedStyle(f.querySelector(':scope > img')).display") == "none"
    before = reader.ask("(f) => f.querySelector('.live').textContent")
    reader.press(*ACTS[kind])
    reader.rest()
    assert reader.ask("(f) => f.querySelector('.live').textContent") != before


@pytest.mark.parametrize("kind", FIGURES)
def test_on_paper_and_without_a_script_the_picture_stands_there(
    chromium,
    site,
    kind,
):
    address = f"{site}chapters/{RECORDED[kind][0].stem}.html"
    selector = f"explore-figure[kind={kind}]"
    for options in ({"java_script_enabled": False}, {}):
        page = chromium.new_page(**options)
        page.goto(address)
        if not options:
            page.emulate_media(media="print")
        picture = page.locator(f"{selector} > img")
        assert picture.is_visible() and len(picture.get_attribute("alt")) > 40
        box = picture.bounding_box()
        assert box["width"] > 250 and box["height"] > 100
        assert not page.locator(f"{selector} .live").is_visible()
        page.close()
