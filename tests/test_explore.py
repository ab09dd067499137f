"""The explorable figures: their mathematics under node, and the whole in Chromium and Firefox.

What is expected comes from PyTorch. A reader's hands are all that touches the figures here: keys,
mouse and finger, and what is read is what the page shows.
"""

import base64
import html
import json
import math
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

chromium = test_browser.chromium  # a fixture
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
    names = "const {" + ", ".join(given) + "} = JSON.parse(require('fs').readFileSync(0));"
    functions = f"Object.assign(globalThis, require({json.dumps(str(SCRIPT))}));"
    code = f"{functions} {names} console.log(JSON.stringify({expression}))"
    done = subprocess.run(["node", "-e", code], input=json.dumps(given), capture_output=True,
                          text=True)  # fmt: skip
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


def replay(x, y, path, batches, lr):
    """The same steps by PyTorch's SGD."""
    x, y = torch.tensor(x), torch.tensor(y)
    w, b = (torch.tensor(float(v), requires_grad=True) for v in path[0])
    trainer, places = torch.optim.SGD([w, b], lr), [path[0]]
    for rows in batches:
        trainer.zero_grad()
        line_loss(x[rows], y[rows], w, b).backward()
        trainer.step()
        places.append([w.item(), b.item()])
    return places


@pytest.mark.parametrize("size", [1, 2, 5])
def test_descent_takes_the_steps_of_torch_on_minibatches_that_make_up_epochs(size):
    path, batches = node(
        "[descend(lineLoss(x, y), [0.5, -1.0], 0.1, minibatches(5, size, seeded(3)), 12),"
        " ((m) => Array.from({length: 12}, () => m.next().value))"
        "(minibatches(5, size, seeded(3)))]",
        x=km.tolist(), y=minutes.tolist(), size=size,
    )  # fmt: skip
    assert len(path) == 13
    expected = replay(km.tolist(), minutes.tolist(), path, batches, 0.1)
    torch.testing.assert_close(torch.tensor(path), torch.tensor(expected), rtol=1e-4, atol=1e-4)
    per_epoch = -(-5 // size)
    epochs = [sum(batches[i : i + per_epoch], []) for i in range(0, 12 - per_epoch, per_epoch)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert size == 5 or epochs[0] != epochs[1]


def test_float16_is_rounded_as_torch_does():
    values = torch.cat([torch.randn(500) * 10.0**k for k in range(-9, 6)]).tolist()
    values += [0.0, 65504.0, 65519.0, 65520.0, -65520.0, 1 + 2**-11, 1 + 3 * 2**-11, 2.0**-25]
    found = node("values.map((v) => String(toFloat16(v)))", values=values)
    expected = torch.tensor(values).half().float()
    assert [float(v.replace("Infinity", "inf")) for v in found] == expected.tolist()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("shift", [-120, -20, 0, 8, 9, 12, 86, 87, 120])
def test_softmax_breaks_where_that_of_torch_breaks(dtype, shift):
    logits = [2.3, -1.3, -0.7]
    found = node(
        "((t) => [t.direct.p, t.stable.p, [t.direct.log, t.stable.log]].map((a) => a.map(String)))"
        "(softmaxTwice(logits, 1, shift, dtype))",
        logits=logits, shift=shift, dtype=dtype,
    )  # fmt: skip
    found = [torch.tensor([float(v.replace("Infinity", "inf")) for v in row]) for row in found]
    z = (torch.tensor(logits) + shift).to(getattr(torch, dtype))
    direct = torch.exp(z) / torch.exp(z).sum()
    logs = torch.stack([torch.log(torch.exp(z).sum()), torch.logsumexp(z, 0)])
    for ours, theirs in zip(found, (direct, torch.softmax(z, 0), logs)):
        torch.testing.assert_close(ours, theirs.float(), rtol=2e-3, atol=1e-3, equal_nan=True)


def test_the_fit_of_regions_is_that_of_torch_and_boundaries_are_where_two_logits_meet():
    V, c = torch.randn(2, 3), torch.randn(3)
    P, labels = torch.randn(7, 2), torch.tensor([0, 1, 2, 0, 1, 2, 2])
    given = {"W": V.tolist(), "b": c.tolist(), "P": P.tolist(), "labels": labels.tolist()}
    loss, new_V, new_c, ends = node(
        "[crossEntropy(W, b, P, labels), ...fitStep(W, b, P, labels, 0.3), boundaries(W, b, 4)]",
        **given,
    )
    V.requires_grad_(), c.requires_grad_()
    expected = F.cross_entropy(P @ V + c, labels)
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-5)
    torch.testing.assert_close(torch.tensor(new_V), V.detach() - 0.3 * V.grad)
    torch.testing.assert_close(torch.tensor(new_c), c.detach() - 0.3 * c.grad)
    assert ends
    for j, k, *points in ends:
        for point in points:
            top = (torch.tensor(point) @ V + c).topk(2)
            assert top.values[0].item() == pytest.approx(top.values[1].item(), abs=1e-4)
            assert {j, k} == set(top.indices.tolist()) or max(map(abs, point)) < 4 - 1e-6


# The output of a cell

torch.manual_seed(0)
W, b = torch.randn(784, 10) / 6, torch.randn(10)
X, y = torch.randint(0, 256, (3, 784)) / 255 * (torch.rand(3, 784) < 0.4), [3, 0, 9]
PLACES, CLASSES = torch.randn(7, 2), [0, 1, 2, 0, 1, 2, 2]
NAMES = d2l.get_fashion_mnist_labels(range(10))
FIGURES = {
    "line": lambda: explore.fit_line(km, minutes, 0.0, 10.0, "distance (km)", "minutes"),
    "descent": lambda: explore.gradient_descent(km, minutes, 0.0, 0.0, 0.5, 9, [1, 2, 5]),
    "softmax": lambda: explore.softmax_twice(NAMES[:3], [2.3, -1.3, -0.7], 10, "float16"),
    "regions": lambda: explore.decision_regions(W[:2, :3], b[:3], PLACES, CLASSES),
    "classifier": lambda: explore.trained_classifier(W, b, X, y, NAMES),
}


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


def unpacked(text, dtype):
    """The numbers that a page gets as bytes."""
    return torch.frombuffer(bytearray(base64.b64decode(text.split(",")[1])), dtype=dtype)


def trained(config):
    """The classifier that a page gets: images (n, 784) to logits, and its images."""
    templates = unpacked(config["weights"], torch.int16).reshape(-1, 784) * config["scale"]
    images = unpacked(config["images"], torch.uint8).reshape(-1, 784) / 255
    return lambda x: x @ templates.T + torch.tensor(config["b"]), images


def test_the_page_gets_the_trained_weights_and_the_images():
    net, images = trained(FIGURES["classifier"]().config)
    torch.testing.assert_close(images, X)
    gap = torch.softmax(net(X), 1) - torch.softmax(X @ W + b, 1)
    assert 0 < gap.abs().max() < 0.0005


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
        """Let the figure draw what was asked for."""
        time.sleep(0.15)

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
        reader.drag(".handle > :last-child", 2, 20, 20, touch)  # the guess: w up, b down
        assert reader.values()[0] > after[0] and reader.values()[1] < after[1]
        assert loss_matches(reader)
    told = reader.ask("(f) => [...f.querySelectorAll('input')].map((i) => i.ariaValueText)")
    assert [float(text.replace("−", "-")) for text in told] == reader.values()
    reader.press("Least squares", "Enter")
    assert reader.says()[1] == 1
    reader.press("Start again", "Enter")
    assert reader.values() == start
    time.sleep(0.6)  # what a screen reader hears follows once the values rest
    assert reader.ask("(f) => f.querySelector('[role=status]').textContent"
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

RECORDED = {}  # kind of figure: chapter and output
for md in CHAPTERS:
    for cell in recorded(md).cells:
        for output in cell.get("outputs", []):
            markup = output.get("data", {}).get("text/html", "")
            if found := re.match("<explore-figure kind='(.*?)'", markup):
                RECORDED[found[1]] = md, markup
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
    assert reader.ask("(f) => f.querySelector('.live').textContent") != before


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_fits_a_phone_and_works_from_the_disk(chromium, book, kind):
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto((book / "chapters" / f"{RECORDED[kind][0].stem}.html").as_uri())
    live = page.locator(f"explore-figure[kind={kind}] .live")
    assert live.bounding_box()["height"] <= 720
    assert live.evaluate("(root) => root.scrollWidth - root.clientWidth") <= 0
    small = live.locator("button, input[type=range], label").evaluate_all(
        "(nodes) => nodes.filter((n) => n.getBoundingClientRect().height < 24).length"
    )
    assert small == 0  # WCAG 2.2, target size
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
