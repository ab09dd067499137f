"""The explorable figures outside a page: their mathematics under node, and what a cell puts out.

What is expected comes from PyTorch.
"""

import base64
import html
import io
import json
import math
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
import torch
import torch.nn.functional as F
from matplotlib.pyplot import imread

import d2lsupport as d2l
from chapters import NOTEBOOKS, recorded
from conftest import close
from d2lsupport import explore

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
    # three regions that meet in the square
    V, c = torch.tensor([[1.0, -2.0, 0.5], [0.5, 1.0, -1.5]]), torch.tensor([0.3, -0.2, 0.1])
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
    assert [end[:2] for end in ends] == [[0, 1], [0, 2], [1, 2]]
    for j, k, *points in ends:  # each from where all three meet to the edge
        at_edge = [max(map(abs, point)) > 4 - 1e-6 for point in points]
        assert sorted(at_edge) == [False, True]
        for point, edge in zip(points, at_edge):
            logits = (torch.tensor(point) @ V + c).detach()
            assert (logits.max() - logits[[j, k] if edge else [0, 1, 2]]).max() < 1e-4


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


@pytest.fixture
def drawn(monkeypatch):
    """The still pictures, as matplotlib has them."""
    figures = []
    monkeypatch.setattr(explore, "_themed_svg", lambda fig: figures.append(fig) or "<svg/>")
    return figures


A_KM = torch.stack((km, torch.ones(5)), 1)
LEAST = line_loss(km, minutes, *torch.linalg.lstsq(A_KM, minutes[:, None]).solution.flatten())


def losses_of(curve):
    """The loss at each point of a curve over (w, b)."""
    return torch.tensor([line_loss(km, minutes, w, b) for w, b in curve.get_xydata()])


@pytest.mark.parametrize("w", [5.0, -0.5, -2.0])
def test_the_picture_of_a_line_has_its_squares_and_its_place_on_the_bowl(drawn, w):
    explore.fit_line(km, minutes, w, 3.0)
    left, right = drawn[0].axes
    x, y = torch.tensor(left.lines[0].get_xydata().T)
    torch.testing.assert_close(y, w * x + 3)
    assert x.tolist() == pytest.approx(left.get_xlim())
    assert x[0] < km.min() and x[1] > km.max()
    points = torch.tensor(left.lines[1].get_xydata()).float()
    torch.testing.assert_close(points, torch.stack([km, minutes], 1))
    for square, x, y in zip(left.patches, km.tolist(), minutes.tolist(), strict=True):
        (x0, y0), (x1, y1) = corners = square.get_bbox().get_points()
        assert sorted((y, w * x + 3)) == pytest.approx([y0, y1])
        # on the side of the error where the line does not run through it
        assert (x0 if (w * x + 3 > y) == (w > 0) else x1) == pytest.approx(x)
        lower_left, upper_right = left.transData.transform(corners)
        across, up = upper_right - lower_left
        assert across == pytest.approx(up, rel=0.02)
    *bowl, start = right.lines
    assert start.get_xydata().tolist() == [[w, 3.0]]
    excess = torch.stack([losses_of(curve) - LEAST for curve in bowl])
    assert excess.shape == (9, 73)
    torch.testing.assert_close(excess, excess[:, :1].expand_as(excess), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(excess[1:, 0], 3 * excess[:-1, 0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(excess[4, 0], line_loss(km, minutes, w, 3.0) - LEAST, rtol=1e-3,
                               atol=1e-4)  # fmt: skip


def test_the_picture_of_descent_has_the_steps_and_losses_of_torch(drawn):
    figure = explore.gradient_descent(km, minutes, 1.0, -2.0, 0.1234, 7, [1, 5])
    rate = figure.config["rate"]
    assert math.log10(rate) == pytest.approx(round(math.log10(0.1234), 2))
    left, right = drawn[0].axes
    everything = [list(range(5))] * 7
    places = replay(km.tolist(), minutes.tolist(), [[1.0, -2.0]], everything, rate)
    path = torch.tensor(left.lines[-1].get_xydata()).float()
    torch.testing.assert_close(path, torch.tensor(places), rtol=1e-4, atol=1e-4)
    for low_high, column in ((left.get_xlim(), path[:, 0]), (left.get_ylim(), path[:, 1])):
        assert low_high[0] < column.min() and column.max() < low_high[1]
    losses = losses_of(left.lines[-1])
    curve = torch.tensor(right.lines[0].get_xydata()).float()
    torch.testing.assert_close(curve, torch.stack([torch.arange(8.0), losses], 1), rtol=1e-4,
                               atol=1e-4)  # fmt: skip
    assert right.lines[1].get_ydata()[0] == pytest.approx(LEAST.item(), abs=1e-4)
    excess = (losses_of(left.lines[4]) - LEAST)[0]
    torch.testing.assert_close(excess, losses[0] - LEAST, rtol=1e-3, atol=1e-4)
    limit = 2 / torch.linalg.eigvalsh(A_KM.T @ A_KM / 5)[1]
    for number in (f"{rate:.3f}", f"{limit:.3f}", f"{losses[0]:.1f}", f"{losses[-1]:.2f}"):
        assert number in figure.alt


def test_the_picture_of_softmax_has_its_bars_from_above_and_numbers_beside_them(drawn):
    figure = explore.softmax_twice(["a", "b", "c"], [2, 0, -1.04], 11, "float16")
    z = torch.tensor([13, 11, 10]).half()
    both = torch.exp(z) / torch.exp(z).sum(), torch.softmax(z, 0)
    for ax, p in zip(drawn[0].axes, both, strict=True):
        assert ax.yaxis_inverted()
        bars = [bar.get_width() for bar in ax.patches]
        assert bars == pytest.approx(p.nan_to_num().tolist())
        for bar, text, value in zip(ax.patches, ax.texts, p.tolist(), strict=True):
            assert text.get_text() == f"{value:.3f}"
            x, y = text.get_position()
            assert x == pytest.approx(bar.get_width() + 0.03)
            assert y == pytest.approx(bar.get_y() + bar.get_height() / 2)
    assert figure.config["logits"] == [2.0, 0.0, -1.0]


def test_the_picture_of_regions_has_the_points_and_boundaries_where_two_logits_meet(drawn):
    V, c = W[:2, 7:10] * 3, b[7:10]  # three regions that meet in the picture
    figure = explore.decision_regions(V, c, PLACES, CLASSES)
    ax, places, labels = drawn[0].axes[0], PLACES.round(decimals=1), torch.tensor(CLASSES)
    O = places @ V + c
    points, rims = ax.lines[:3], ax.lines[3:]
    for j, line in enumerate(points):
        shown = torch.tensor(line.get_xydata()).float()
        torch.testing.assert_close(shown, places[labels == j])
    wrong = O.argmax(1) != labels
    shown = torch.cat([torch.tensor(line.get_xydata()).float() for line in rims])
    assert 0 < wrong.sum() < len(labels)
    torch.testing.assert_close(shown, places[wrong])
    assert [line.get_color() for line in rims] == [f"C{j}" for j in labels[wrong]]
    assert f"{wrong.sum()} of them" in figure.alt
    assert f"{F.cross_entropy(O, labels):.3f}" in figure.alt
    filled, lines = ax.collections[::2], ax.collections[1::2]
    for j, (region, boundary) in enumerate(zip(filled, lines, strict=True)):
        assert sum(len(path.vertices) for path in boundary.get_paths()) > 50
        for path in boundary.get_paths():
            for top in (torch.tensor(path.vertices).float() @ V + c).topk(2).values:
                assert top[0] - top[1] < 0.05
        inside = torch.tensor([[x, y] for x in range(-3, 4) for y in range(-3, 4)]).float()
        top, second = (inside @ V + c).topk(2).values.T
        for point in inside[top - second > 0.1].tolist():
            there = any(path.contains_point(point, radius=1e-3) for path in region.get_paths())
            assert there == ((torch.tensor(point) @ V + c).argmax() == j)


def test_the_bowl_shows_its_middle_and_the_start_however_near_they_are():
    x, y = [0.0, 1.0, 2.0], [1.0, 3.0, 5.0]  # w = 2, b = 1
    there = explore.fit_line(x, y, 2.0, 1.2).config["range"]
    assert there["w"] == pytest.approx([1.4, 2.6], abs=0.03)  # 0.5 on each side, and a quarter
    assert there["b"] == pytest.approx([0.4, 1.6], abs=0.03)
    away = explore.fit_line(x, y, 4.0, -3.0).config["range"]
    assert away["w"] == pytest.approx([-0.5, 4.5]) and away["b"] == pytest.approx([-4.0, 6.0])


def test_names_and_numbers_come_through_the_markup():
    names = ["women's", 'a "b" & <c>', "ü"]
    figure = explore.softmax_twice(names, [1, 2, 3])
    config, alt, *_ = parts(figure._repr_mimebundle_()["text/html"])
    assert config == figure.config and config["names"] == names and alt == figure.alt
    assert config["type"] == "float32" and config["shift"] == 0
    assert explore.softmax_twice(names, [1.04, 1.96, 3]).alt == alt  # sliders stand at tenths
    figure = explore.fit_line(km + 1 / 3, minutes, 1 / 3, 2 / 3)
    markup = figure._repr_mimebundle_()["text/html"]
    config = parts(markup)[0]
    assert config["x"][0] == 0.8333 and config["w"] == 0.33 and config["b"] == 0.67
    assert (config["xlabel"], config["ylabel"]) == ("x", "y")
    assert '"' in markup.split("data-config=")[1].split(">")[0]  # &quot; would be six letters


def test_two_points_make_a_line_and_what_is_no_data_is_refused():
    assert explore.fit_line([1.0, 2.0], [1.0, 3.0], 0.0, 0.0).config["x"] == [1.0, 2.0]
    with pytest.raises(ValueError, match="got 1 x and 1 y"):
        explore.fit_line([1.0], [1.0], 0.0, 0.0)
    with pytest.raises(ValueError, match="got 2 x and 3 y"):
        explore.fit_line([1.0, 2.0], [1.0, 2.0, 3.0], 0.0, 0.0)
    with pytest.raises(ValueError, match="the full batch, 5, got 6"):
        explore.gradient_descent(km, minutes, 0.0, 0.0, 0.5, 9, [1, 2, 6])


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


# The figures of the chapters

RECORDED, KINDS = {}, []  # kind of figure: chapter and output; the kinds as they come
for md in NOTEBOOKS:
    for cell in recorded(md).cells:
        for output in cell.get("outputs", []):
            markup = output.get("data", {}).get("text/html", "")
            if found := re.match("<explore-figure kind='(.*?)'", markup):
                RECORDED[found[1]] = md, markup
                KINDS.append(found[1])
# What the page gets is enough to make a figure again.
AGAIN = {
    "line": lambda c: explore.fit_line(*map(c.get, ("x", "y", "w", "b", "xlabel", "ylabel"))),
    "descent": lambda c: explore.gradient_descent(
        *map(c.get, ("x", "y", "w", "b", "rate", "steps", "sizes"))
    ),
    "softmax": lambda c: explore.softmax_twice(*map(c.get, ("names", "logits", "shift", "type"))),
    "regions": lambda c: explore.decision_regions(
        torch.tensor(c["W"]), torch.tensor(c["b"]), c["points"], c["labels"]
    ),
    "classifier": lambda c: explore.trained_classifier(
        unpacked(c["weights"], torch.int16).reshape(-1, 784).T * c["scale"], torch.tensor(c["b"]),
        unpacked(c["images"], torch.uint8) / 255, c["labels"], c["classes"],
    ),
}  # fmt: skip


def test_all_figures_are_recorded_once():
    assert sorted(KINDS) == sorted(RECORDED) == sorted(FIGURES) == sorted(AGAIN)


def parts(markup):
    """Data, description and picture of a figure, and apart the images within the picture."""
    config = json.loads(html.unescape(re.search("data-config='(.*?)'", markup)[1]))
    alt, picture = re.search('<img alt="(.*?)" src="data:image/svg\\+xml,(.*?)"', markup).groups()
    picture, embedded = unquote(picture), re.compile('data:image/png;base64,(.*?)"')
    images = [imread(io.BytesIO(base64.b64decode(png))) for png in embedded.findall(picture)]
    picture = re.sub(r"\bp[0-9a-f]{10}\b", "p", embedded.sub('"', picture))  # hashes of clip paths
    return config, html.unescape(alt), picture, images


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_made_again_from_its_own_data_is_the_recorded_one(kind):
    d2l.use_svg_display()
    config, *was = parts(RECORDED[kind][1])
    new_config, *new = parts(AGAIN[kind](config)._repr_mimebundle_()["text/html"])
    assert new_config == config
    for a, b in zip(was[:2], new[:2]):
        assert close(a, b)
    assert len(was[2]) == len(new[2])
    for a, b in zip(was[2], new[2]):
        assert a.shape == b.shape and abs(a - b).mean() < 0.002


def test_explorable_figures_refuse_what_they_cannot_draw():
    x, y, nan = [1.0, 2.0, 3.0], [1.0, 2.0, 2.0], math.nan
    V, c, place = torch.ones(2, 3), torch.ones(3), [[0.0, 0.0]]
    line, descent, regions = explore.fit_line, explore.gradient_descent, explore.decision_regions
    classifier = explore.trained_classifier
    bad = [
        (lambda: line([1, 1, 1], y, 0, 0), "all x the same"),
        (lambda: line([1, nan, 2], y, 0, 0), "finite"),
        (lambda: line(x, [1, nan, 2], 0, 0), "finite"),
        (lambda: descent(x, y, 0, 0, 0, 5, [3]), "lr must be above 0"),
        (lambda: descent(x, y, 0, 0, nan, 5, [3]), "lr must be finite"),
        (lambda: descent(x, y, 0, 0, 0.1, 0, [3]), "steps must be"),
        (lambda: descent(x, y, 0, 0, 0.1, 5, []), "full batch, 3, got none"),
        (lambda: descent(x, y, 0, 0, 0.1, 5, [3, 2]), "full batch, 3, got 2"),
        (lambda: explore.softmax_twice("ab", [1.0, 2.0], 0, "float64"), "float32, got 'float64'"),
        (lambda: explore.softmax_twice("abc", [1.0, 2.0]), "got 3 and 2"),
        (lambda: regions(torch.ones(2, 2), c, place, [0]), r"got \(2, 2\), \(3,\) and \(1, 2\)"),
        (lambda: regions(V, torch.ones(2), place, [0]), r"got \(2, 3\), \(2,\) and \(1, 2\)"),
        (lambda: regions(V, c, place, [0, 1]), r"points \(2, 2\).*and \(1, 2\)"),
        (lambda: regions(V, c, place, [3]), r"lie in 0\.\.2, got .3"),
        (lambda: regions(V, c, place, [-1]), r"lie in 0\.\.2, got .-1"),
        (lambda: classifier(W.T, b, X, y, NAMES), r"W must have shape \(784, 10\), got \(10,"),
        (lambda: classifier(W, b[:9], X, y, NAMES), r"b must have shape \(10,\), got \(9,\)"),
        (lambda: classifier(W, b, X[:2], y, NAMES), r"images must have shape \(3, 784\), got \(2"),
        (lambda: classifier(W, b, X, [3, 0, 10], NAMES), r"lie in 0\.\.9, got .3, 0, 10"),
        (lambda: classifier(W, b, X, [3, 0, -1], NAMES), r"lie in 0\.\.9, got .3, 0, -1"),
        (lambda: classifier(W, b, X[:0], [], NAMES), r"lie in 0\.\.9, got \[\]"),
    ]
    for call, words in bad:
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(TypeError, match="W must be a torch.Tensor"):
        regions([[1.0] * 3] * 2, c, place, [0])
    with pytest.raises(TypeError, match="b must be a torch.Tensor"):
        regions(V, [1.0] * 3, place, [0])
    with pytest.raises(TypeError, match="images must be floating point"):
        classifier(W, b, X.long(), y, NAMES)
