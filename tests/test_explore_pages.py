"""The explorable figures in Chromium and Firefox, on the built pages and in other hosts.

What is expected comes from PyTorch. A reader's hands are all that touches the figures: keys, mouse
and finger, and what is read is what the page shows.
"""

import html
import json
import math
import re
import time

import pytest
import test_browser
import torch
import torch.nn.functional as F
from firefox import PATH as FIREFOX
from firefox import Firefox
from test_explore import FIGURES, NAMES, RECORDED, SCRIPT, line_loss, needed, replay, trained

from chapters import CHAPTERS

chromium = test_browser.chromium  # a fixture

# In the page


class WithoutFormulas(test_browser.Quiet):
    """A server of pages that need not wait until hundreds of formulas are set."""

    def send_head(self):
        return self.send_error(404) if "mathjax" in self.path else super().send_head()


@pytest.fixture(scope="module")
def site(book):
    with test_browser.served(book, WithoutFormulas) as address:
        yield address


class Chromium:
    """The same few things as in `Firefox`, by Playwright."""

    def __init__(self, browser):
        context = browser.new_context(reduced_motion="reduce", has_touch=True)
        self.page = context.new_page()
        self.faults = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.touch = context.new_cdp_session(self.page)

    def goto(self, url, width, height):
        self.faults.clear()
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
        self.rest()
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
        """Let the figure draw what was asked for: it does so in the next frame."""
        self.ask("() => new Promise((done) => requestAnimationFrame("
                 "() => requestAnimationFrame(() => done(true))))")  # fmt: skip
        assert not getattr(self.browser, "faults", []), self.browser.faults

    def says(self):
        """The numbers of the line of text; inf and nan too."""
        text = self.ask("(figure) => figure.querySelector('.say').textContent").replace("−", "-")
        return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?|-?inf|nan", text)]

    def values(self):
        """The values beside the sliders."""
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
        self.rest()

    def place(self, css, index=0):
        """The middle of a part, in pixels of the window."""
        return self.ask(
            f"(f) => (({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"(f.querySelectorAll({json.dumps(css)})[{index}].getBoundingClientRect())"
        )

    def drag(self, css, index, dx, dy, touch=False):
        x, y = self.place(css, index)
        self.browser.drag((x, y), (x + dx, y + dy), touch)
        self.rest()
        if "handle" in css:  # it follows to the end, and the page stays
            assert self.place(css, index) == pytest.approx([x + dx, y + dy], abs=2)


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
        reader.drag(".handle > :last-child", 1, 0, -30, touch)  # the right end, up
        after = reader.values()
        assert after[0] > before[0] + 0.2 and loss_matches(reader)
        reader.drag(".handle > :last-child", 2, 40, 30, touch)  # the guess: w up, b down
        assert reader.values()[0] > after[0] and reader.values()[1] < after[1]
        assert loss_matches(reader)
    told = reader.ask("(f) => [...f.querySelectorAll('input')].map((i) => i.ariaValueText)")
    assert [float(text.replace("−", "-")) for text in told] == reader.values()
    reader.press("Least squares", "Enter")
    assert reader.says()[1] == 1
    reader.press("Start again", "Enter")
    assert reader.values() == start
    # what a screen reader hears follows once the values rest
    reader.wait_for("(f) => f.querySelector('[role=status]').textContent"
                    " === f.querySelector('.say').textContent")  # fmt: skip


@pytest.mark.parametrize("width", [1280, 500])
def test_descent_is_that_of_torch_and_diverges_beyond_the_limit(browser, site, width):
    browser.goto(site + page_of(1), width, 844)
    reader = Reader(browser, "explore-figure[kind=descent]")
    x, y = (torch.tensor(reader.config[name]) for name in "xy")

    def at(lr, steps):
        """Step, w, b, loss as full-batch descent by torch has them."""
        everything = [list(range(len(x)))] * steps
        w, b = replay(x.tolist(), y.tolist(), [[0.0, 0.0]], everything, lr)[-1]
        return [steps, w, b, line_loss(x, y, w, b).item()]

    rate, steps = reader.config["rate"], reader.config["steps"]
    assert reader.says()[:4] == pytest.approx(at(rate, steps), rel=1e-3, abs=0.01)
    start = at(rate, 0)[3]
    reader.press("10 steps", "Enter")
    assert reader.says()[:4] == pytest.approx(at(rate, steps + 10), rel=1e-3, abs=0.01)
    reader.press("learning rate", *["ArrowRight"] * 4)
    faster = 10 ** (math.log10(rate) + 0.04)
    says = reader.says()
    assert says[:4] == pytest.approx(at(faster, steps + 10), rel=0.01) and says[3] > start
    assert "grown" in reader.ask("(f) => f.querySelector('.alarming').textContent")
    reader.press("learning rate", *["ArrowLeft"] * 24)
    reader.press("Start again", "Enter")
    reader.press("1 step", "Enter")
    slower = 10 ** (math.log10(rate) - 0.2)
    assert reader.says()[:4] == pytest.approx(at(slower, 1), rel=1e-3, abs=0.01)
    reader.press("Run", "Enter")  # at once, as this reader wants less motion
    full = reader.says()
    assert full[:4] == pytest.approx(at(slower, 60), rel=1e-3, abs=0.01)
    reader.press("batch size", "Home")
    assert reader.says()[3] > full[3] + 0.01  # a minibatch of one leaves noise


@pytest.mark.parametrize("width", [1280, 500])
def test_softmax_breaks_in_the_page_where_that_of_torch_breaks(browser, site, width):
    browser.goto(site + page_of(4), width, 844)
    reader = Reader(browser, "explore-figure[kind=softmax]")
    logits = torch.tensor(reader.config["logits"])

    def matches(shift, temperature, dtype):
        rows = reader.ask(
            "(f) => [...f.querySelectorAll('tbody tr')].slice(0, 3).map((r) =>"
            " [2, 4].map((k) => r.querySelectorAll('td')[k].textContent))"
        )
        z = (logits / temperature + shift).to(dtype)
        both = torch.stack([torch.exp(z) / torch.exp(z).sum(), torch.softmax(z, 0)], 1).float()
        shown = torch.tensor([[float(v) for v in row] for row in rows])
        torch.testing.assert_close(shown, both, rtol=0, atol=0.0011, equal_nan=True)
        logs = reader.says()[:2]
        assert logs == pytest.approx([torch.log(torch.exp(z).sum()).item(),
                                      torch.logsumexp(z, 0).item()], abs=0.01)  # fmt: skip
        return both

    assert matches(10, 1, torch.float16).isnan().any()
    reader.press("added to all", "ArrowLeft", "ArrowLeft")
    assert not matches(8, 1, torch.float16).isnan().any()
    reader.press("float16", "ArrowRight")
    reader.press("added to all", *["ArrowRight"] * 79)
    assert matches(87, 1, torch.float32).isnan().any()
    reader.press("temperature", *["ArrowRight"] * 15)
    matches(87, 10**0.3, torch.float32)
    reader.press(reader.config["names"][1], *["ArrowRight"] * 20)
    logits[1] += 2
    matches(87, 10**0.3, torch.float32)


@pytest.mark.parametrize("width", [1280, 500])
def test_regions_show_the_loss_of_torch_while_points_and_weights_move(browser, site, width):
    browser.goto(site + page_of(4), width, 844)
    reader = Reader(browser, "explore-figure[kind=regions]")
    W, b, labels = (torch.tensor(reader.config[name]) for name in ("W", "b", "labels"))

    def matches(W, b):
        """Whether the loss that is shown is torch's, for the points as they are told."""
        told = reader.ask("(f) => [...f.querySelectorAll('[role=slider]')]"
                          ".map((p) => p.getAttribute('aria-valuetext'))")  # fmt: skip
        numbers = [re.findall(r"-?\d+\.\d+", text.replace("−", "-")) for text in told]
        O = torch.tensor([[float(v) for v in n[:2]] for n in numbers]) @ W + b
        loss, wrong, n = reader.says()
        assert [wrong, n] == [(O.argmax(1) != labels).sum(), len(labels)]
        p = torch.softmax(O, 1)[range(len(labels)), labels]
        torch.testing.assert_close(torch.tensor([float(n[2]) for n in numbers]), p,
                                   rtol=0, atol=0.0011)  # fmt: skip
        return loss == pytest.approx(F.cross_entropy(O, labels).item(), abs=0.001)

    assert matches(W, b)
    reader.press("scale", *["ArrowRight"] * 4)
    assert matches(W * 10**0.2, b * 10**0.2)
    reader.press("scale", *["ArrowLeft"] * 4)
    reader.press("turn", *["ArrowRight"] * 6)
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    assert matches(torch.tensor([[c, -s], [s, c]]) @ W, b)
    reader.press("Start again", "Enter")
    reader.press("point 9 of class 2", *["ArrowDown"] * 20, "ArrowRight")
    assert matches(W, b)
    for touch in (False, True):
        reader.press("Start again", "Enter")
        before = reader.says()
        reader.drag(".handle > :last-child", 3, 40, 30, touch)
        assert matches(W, b) and reader.says() != before
    reader.press("Start again", "Enter")
    before = reader.says()
    reader.press("Fit: 100 steps", "Enter")
    V, d = W.clone().requires_grad_(), b.clone().requires_grad_()
    trainer, P = torch.optim.SGD([V, d], reader.config["lr"]), torch.tensor(reader.config["points"])
    for _ in range(100):
        trainer.zero_grad()
        F.cross_entropy(P @ V + d, labels).backward()
        trainer.step()
    assert matches(V.detach(), d.detach()) and reader.says()[0] < before[0]


PIXELS = "(f) => [...f.querySelector('.picture').getContext('2d').getImageData(0, 0, 28, 28).data]"


@pytest.mark.parametrize("width", [1280, 500])
def test_an_image_is_changed_and_the_probabilities_are_those_of_the_network(browser, site, width):
    browser.goto(site + page_of(6), width, 844)
    reader = Reader(browser, "explore-figure[kind=classifier]")
    net, images = trained(reader.config)
    label = reader.config["labels"][0]

    def seen(label=label):
        """The image that is shown, after a look at all numbers beside it."""
        probabilities, says = torch.tensor(reader.values()), reader.says()
        image = torch.tensor(reader.ask(PIXELS)[::4]) / 255
        logits = net(image)
        gap = (probabilities - torch.softmax(logits, 0)).abs().max()
        assert gap <= 0.001
        loss = F.cross_entropy(logits, torch.tensor(label))
        assert says == pytest.approx([probabilities.max().item(), loss.item()], abs=0.001)
        return image.reshape(28, 28)

    boot = images[0].reshape(28, 28)
    torch.testing.assert_close(seen(), boot)
    for name, image in [("Flip", boot.flip(1)), ("Invert", 1 - boot),
                        ("Shift right", F.pad(boot, (1, 0))[:, :28]),
                        ("Shift up", F.pad(boot, (0, 0, 0, 1))[1:])]:  # fmt: skip
        reader.press(name, "Enter")
        torch.testing.assert_close(seen(), image)
        reader.press("Start again", "Enter")
    torch.testing.assert_close(seen(), boot)

    pad = "picture; arrow keys move, space paints"
    reader.press(pad, "ArrowLeft", "ArrowUp", " ")
    boot[12:15, 12:15] = 0
    torch.testing.assert_close(seen(), boot)
    reader.press("Erase", "ArrowRight")  # from the first of two pens to the other
    reader.press(pad, " ")
    boot[12:15, 12:15] = 1
    torch.testing.assert_close(seen(), boot)
    for touch in (False, True):
        before = seen()
        reader.drag(".picture", 0, 30, -30 if touch else 30, touch)
        assert 9 < (seen() != before).sum() < 200

    reader.press("image 1, ankle boot", "ArrowRight")
    torch.testing.assert_close(seen(reader.config["labels"][1]).flatten(), images[1])
    shown = reader.ask("(f) => f.querySelector('.about').textContent")
    reader.press(NAMES[0], "ArrowDown")  # from the class predicted to another
    assert reader.ask("(f) => f.querySelector('.about').textContent") != shown


# Other hosts

ACTS = {
    "line": ("w", "ArrowRight"),
    "descent": ("1 step", "Enter"),
    "softmax": ("temperature", "ArrowLeft"),
    "regions": ("scale", "ArrowRight"),
    "classifier": ("Flip", "Enter"),
}
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
    assert reader.ask("(f) => f.querySelector('.live').textContent") != before


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_fits_a_phone_and_works_from_the_disk(chromium, book, kind):
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    context.route("**/mathjax/**", lambda route: route.abort())
    page = context.new_page()
    page.goto((book / "chapters" / f"{RECORDED[kind][0].stem}.html").as_uri())
    live = page.locator(f"explore-figure[kind={kind}] .live")
    assert live.bounding_box()["height"] <= 720
    assert live.evaluate("(root) => root.scrollWidth - root.clientWidth") <= 0
    small = live.locator("button, input[type=range], label").evaluate_all(
        "(nodes) => nodes.filter((n) => n.getBoundingClientRect().height < 24).length"
    )
    assert small == 0  # WCAG 2.2, target size
    # Tab reaches all that can be used, once through; of a group of radio buttons the chosen one
    usable = live.locator("button, input, [tabindex='0']").evaluate_all(
        "(nodes) => (nodes = nodes.filter((n) => n.checkVisibility() && !n.disabled &&"
        " (n.type !== 'radio' || n.checked)), nodes.forEach((n, i) => { n.dataset.usable = i }),"
        " nodes[0].closest('.live').before(Object.assign(document.createElement('button'),"
        " { id: 'before' })), nodes.length)"
    )
    page.locator("#before").focus()
    reached = []
    for _ in range(usable):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.dataset.usable"))
    assert usable > 2 and sorted(reached) == sorted(map(str, range(usable)))
    context.close()


def test_a_run_takes_its_time_and_can_be_paused_unless_less_motion_is_wanted(chromium, site):
    context = chromium.new_context(reduced_motion="no-preference")
    page = context.new_page()
    page.goto(site + page_of(1))
    figure = page.locator("explore-figure[kind=descent]")

    def step():
        return int(re.search(r"Step (\d+)", figure.locator(".say").inner_text())[1])

    figure.get_by_role("button", name="Start again").click()
    figure.get_by_role("button", name="Run").click()
    page.wait_for_timeout(1000)
    figure.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(200)
    paused = step()
    assert 0 < paused < 40
    page.wait_for_timeout(400)
    assert step() == paused
    context.close()


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


@pytest.mark.parametrize("kind", FIGURES)
def test_a_page_links_script_and_style_once_and_repeats_neither(book, kind):
    text = (book / "chapters" / f"{RECORDED[kind][0].stem}.html").read_text("utf-8")
    assert text.count("explore.js") == text.count("explore.css") == 1
    assert SCRIPT.read_text("utf-8") not in text and "customElements.define" not in text
