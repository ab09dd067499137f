"""Explorable figures: a chapter's own data and weights, moved by the reader in the page itself.

Each function returns a figure that a notebook shows as HTML: a still picture with a description,
and the data from which `explore.js` makes the live figure in its place. The output brings script
and style along, since Colab isolates each output; in the book they are linked once a page.
"""

from __future__ import annotations

import base64
import html
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from d2lsupport import _checks
from d2lsupport.plotting import _themed_svg

_SOURCE = Path(__file__).with_suffix("")


def code() -> str:
    """Style and script, as an output brings them along."""
    style, script = (_SOURCE.with_suffix(kind).read_text("utf-8") for kind in (".css", ".js"))
    return f"<style>\n{style}</style>\n<script>\n{script}</script>"


def _lean(svg: str) -> str:
    """A third of the bytes, to the eye the same: tenths of a point, no names, no line breaks."""
    svg = re.sub(r"<metadata>.*?</metadata>|<\?xml.*?\?>|<!DOCTYPE[^>]*>", "", svg, flags=re.S)
    svg = re.sub(r' id="[a-zA-Z.]*_\d+"', "", svg)
    svg = re.sub(r'="[^"]*"', lambda m: re.sub(r"(\b[1-9]\d*\.\d)\d+", r"\1", m[0]), svg)
    return re.sub(r"\s+", " ", svg).strip()


class Explorable:
    """A figure to be moved: still where no script runs, live elsewhere.

    Args:
        kind: which figure of `explore.js`.
        alt: what the still picture shows; also the figure's text where only text is shown.
        fig: the still picture.
        config: what the live figure starts from, for JSON.
    """

    def __init__(self, kind: str, alt: str, fig: Figure, **config: Any) -> None:
        self.kind, self.alt, self.config = kind, alt, config
        with rc_context({"svg.fonttype": "none"}):  # letters are text, not outlines
            self.svg = _lean(_themed_svg(fig))

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        picture = quote(self.svg, safe=" =:/;,.()'{}@!*")
        config = html.escape(json.dumps(self.config, separators=(",", ":")), quote=False)
        element = (
            f"<explore-figure kind='{self.kind}' data-config='{config.replace(chr(39), '&#39;')}'>"
            f'<img alt="{html.escape(self.alt)}" src="data:image/svg+xml,{picture}">'
            "</explore-figure>"
        )
        return {
            "text/plain": self.alt,
            "text/html": element + "\n" + code(),
            "image/svg+xml": self.svg,
        }


def _floats(values: Any, digits: int = 4) -> Any:
    """Numbers for JSON, nested as in `values`."""
    if isinstance(values, (list, tuple)):
        return [_floats(v, digits) for v in values]
    if isinstance(values, torch.Tensor):
        return _floats(values.detach().tolist(), digits)
    return round(float(values), digits)


def _line_data(x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x and y, flat, as the page gets them, and the least-squares (w, b)."""
    x, y = (torch.tensor(_floats(torch.as_tensor(v).flatten())).double() for v in (x, y))
    if x.shape != y.shape or len(x) < 2:
        raise ValueError(f"expected an x and a y for each point, got {len(x)} x and {len(y)} y")
    if not (x.isfinite().all() and y.isfinite().all()) or x.min() == x.max():
        raise ValueError("x and y must be finite numbers, and not all x the same")
    A = torch.stack((x, torch.ones_like(x)), 1)
    return x, y, torch.linalg.lstsq(A, y[:, None]).solution.flatten()


def _loss(x: torch.Tensor, y: torch.Tensor, w: Any, b: Any) -> float:
    return float(((w * x + b - y) ** 2).mean() / 2)


def _around(centre: float, point: float) -> list[float]:
    """An interval that holds both, the first in its middle."""
    half = 1.25 * max(abs(point - centre), 0.5)
    return [round(centre - half, 1), round(centre + half, 1)]


def _padded(values: torch.Tensor, share: float) -> list[float]:
    low, high = values.min().item(), values.max().item()
    pad = share * (high - low)
    return [round(low - pad, 2), round(high + pad, 2)]


def _draw_bowl(ax: Any, x: Any, best: Any, excess: float, w: Any, b: Any) -> None:
    """Contours of the loss over (w, b), as the live figure draws them."""
    A = torch.stack((x, torch.ones_like(x)), 1)
    angle = torch.linspace(0, 2 * math.pi, 73).double()
    circle = torch.stack((angle.cos(), angle.sin()))
    ellipse = torch.linalg.solve(torch.linalg.cholesky(A.T @ A / len(x)).T, circle)
    for k in range(9):
        points = best[:, None] + math.sqrt(2 * excess * 3**k) * ellipse
        ax.plot(*points, color="C5", lw=0.8)
    ax.set(xlabel="$w$", ylabel="$b$", xlim=w, ylim=b)


def fit_line(
    x: Any, y: Any, w: float, b: float, xlabel: str = "x", ylabel: str = "y"
) -> Explorable:
    """A line to be fitted by hand, its loss as squares and as a point on the loss over (w, b).

    Args:
        x, y: the points, n numbers each.
        w, b: where the reader starts.
        xlabel, ylabel: what the axes show, with units.
    """
    x, y, best = _line_data(x, y)
    w, b = round(float(w), 2), round(float(b), 2)
    loss, least = _loss(x, y, w, b), _loss(x, y, *best)
    excess = (loss - least) / 3**4  # the start lies on a contour
    span = {"x": _padded(x, 0.12), "y": _padded(y, 0.3), "w": _around(best[0].item(), w),
            "b": _around(best[1].item(), b)}  # fmt: skip

    fig = Figure(figsize=(6, 2.8))
    left, right = fig.subplots(1, 2)
    for x_i, y_i in zip(x, y):
        side = (w * x_i + b - y_i).item()
        scale = (span["x"][1] - span["x"][0]) / (span["y"][1] - span["y"][0])
        left.add_patch(_square(x_i.item(), y_i.item(), side, scale, rising=w >= 0))
    ends = torch.tensor(span["x"])
    left.plot(ends, w * ends + b, "C0-", lw=2)
    left.plot(x, y, ".", color="#000000")
    left.set_box_aspect(1)  # so that the squares are square
    left.set(xlabel=xlabel, ylabel=ylabel, xlim=span["x"], ylim=span["y"])
    _draw_bowl(right, x, best, excess, span["w"], span["b"])
    right.plot(w, b, "C0o")
    alt = (
        f"{len(x)} points with the line y = {w:.2f} x + {b:.2f} and a square on each error, beside "
        f"the loss over w and b: lines of equal loss are long tilted ellipses, and this line, with "
        f"the loss {loss:.2f}, lies far from their middle, where it is {least:.2f}."
    )
    return Explorable(
        "line", alt, fig, title="Fit a line by hand", x=_floats(x), y=_floats(y),
        w=w, b=b, range={**span, "excess": round(excess, 5)},
        xlabel=xlabel, ylabel=ylabel,
    )  # fmt: skip


def _square(x: float, y: float, side: float, scale: float, rising: bool) -> Any:
    """A square on the error `side` at (x, y), on the side where it does not hide the line."""
    width = abs(side) * scale
    left = x if (side > 0) == rising else x - width
    return Rectangle((left, min(y, y + side)), width, abs(side), color="C1", alpha=0.3)


def gradient_descent(
    x: Any, y: Any, w: float, b: float, lr: float, steps: int, sizes: Sequence[int]
) -> Explorable:
    """Gradient descent on the loss of a line: learning rate, batch size, and up to 60 steps.

    Args:
        x, y: the points, n numbers each.
        w, b: where descent starts.
        lr: learning rate at first.
        steps: steps that are taken at first, on the full batch.
        sizes: sizes of minibatches to choose from, in increasing order; the last is n.
    """
    x, y, best = _line_data(x, y)
    if not sizes or sizes[-1] != len(x):
        last = sizes[-1] if sizes else "none"
        raise ValueError(f"the last of sizes must be the full batch, {len(x)}, got {last}")
    if _checks.learning_rate(lr) == 0:
        raise ValueError("lr must be above 0, got 0")
    _checks.positive_int("steps", steps)
    lr = 10 ** round(math.log10(lr), 2)  # where the slider can stand
    A = torch.stack((x, torch.ones_like(x)), 1)
    path = [torch.tensor([w, b]).double()]
    for _ in range(steps):
        path.append(path[-1] - lr * A.T @ (A @ path[-1] - y) / len(x))
    losses = [_loss(x, y, *p) for p in path]
    least, start = _loss(x, y, *best), losses[0]
    limit = 2 / torch.linalg.eigvalsh(A.T @ A / len(x))[-1].item()
    excess = (start - least) / 3**4
    far = (torch.stack(path) - best).abs().max(0).values  # the whole path is to be seen
    spans = [_around(c, c + d) for c, d in zip(best.tolist(), far.tolist())]

    fig = Figure(figsize=(6, 2.8))
    left, right = fig.subplots(1, 2)
    _draw_bowl(left, x, best, excess, *spans)
    left.plot(*torch.stack(path).T, "C1.-", lw=1.5)
    right.semilogy(losses, "C1-", lw=1.5)
    right.axhline(least, ls="--", color="C0")
    right.set(xlabel="step", ylabel="loss", xlim=(0, 60))
    alt = (
        f"Lines of equal loss over w and b, with {steps} steps of gradient descent at the learning "
        f"rate {lr:.3f}, where {limit:.3f} is the limit: the path jumps from wall to wall of the "
        f"valley while it moves along. Beside it the loss falls from {start:.1f} to "
        f"{losses[-1]:.2f}; the least possible is {least:.2f}."
    )
    return Explorable(
        "descent", alt, fig, title="Gradient descent", x=_floats(x), y=_floats(y), w=float(w),
        b=float(b), rate=lr, rates=[-2.0, 0.3], sizes=list(sizes), steps=steps, seed=1,
        range={"w": spans[0], "b": spans[1], "excess": round(excess, 5)},
        losses=[round(math.log10(least) - 0.3, 2), round(math.log10(start) + 1.2, 2)],
    )  # fmt: skip


def _packed(values: torch.Tensor) -> str:
    """The bytes of a tensor, as text."""
    return "data:;base64," + base64.b64encode(values.contiguous().numpy().tobytes()).decode()


def trained_classifier(
    W: torch.Tensor, b: torch.Tensor, images: torch.Tensor, labels: Any, classes: Sequence[str]
) -> Explorable:
    """A softmax regression on images of 28 x 28 pixels that the reader changes.

    Args:
        W, b: trained weights (784, q) and biases (q,), for pixels between 0 and 1.
        images: (n, 784), pixels between 0 and 1; the first is shown first.
        labels: n class indices.
        classes: q names.
    """
    q, labels = len(classes), [int(y) for y in labels]
    for name, value, shape in (("W", W, (784, q)), ("b", b, (q,)), ("images", images, None)):
        _checks.floating(name, value)
        if value.shape != shape and (shape or value.numel() != 784 * len(labels)):
            raise ValueError(f"{name} must have shape {shape or (len(labels), 784)}, got "
                             f"{tuple(value.shape)}")  # fmt: skip
    if not labels or not all(0 <= y < q for y in labels):
        raise ValueError(f"labels must lie in 0..{q - 1}, got {labels}")
    W, b = W.detach().float().T, b.detach().float()  # (q, 784), a template a row
    images = images.reshape(-1, 784)
    scale = W.abs().max().item() / 32767
    limit = float(W.abs().quantile(0.995))
    p = torch.softmax(W @ images[0] + b, 0)

    top, *others = p.argsort(descending=True)[:3].tolist()
    fig = Figure(figsize=(6, 2.6))
    left, middle, right = fig.subplots(1, 3, width_ratios=(2, 2, 3))
    left.imshow(images[0].reshape(28, 28).numpy(), cmap="gray")
    middle.imshow(
        (W[top] * images[0]).reshape(28, 28).numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit
    )
    right.barh(classes, p.tolist())
    right.invert_yaxis()
    right.set(xlabel="probability", xlim=(0, 1))
    for ax, title in ((left, "picture"), (middle, "pixel × weight")):
        ax.set_axis_off()
        ax.set_title(title, fontsize=9)
    alt = (
        f"A picture of class {classes[labels[0]]}; pixel times weight of the class "
        f"{classes[top]}, as a picture; and the probability of each class: {classes[top]} "
        f"{p[top]:.3f}, "
        + "".join(f"{classes[j]} {p[j]:.3f}, " for j in others)
        + "the others less."
    )
    return Explorable(
        "classifier", alt, fig, title="The trained classifier",
        weights=_packed((W / scale).round().short()), scale=scale, b=_floats(b),
        images=_packed((images * 255).round().byte()), labels=labels, classes=list(classes),
        limit=round(limit, 4),
    )  # fmt: skip


def softmax_twice(
    names: Sequence[str], logits: Any, shift: float = 0.0, type: str = "float32"
) -> Explorable:
    """Softmax as float16 or float32 finds it, directly and with the largest logit taken out.

    Args:
        names: of q classes.
        logits: q numbers between -5 and 5.
        shift: number that is added to all of them.
        type: "float16" or "float32".
    """
    logits = torch.tensor(_floats(torch.as_tensor(logits).flatten(), 1))
    types = {"float16": torch.float16, "float32": torch.float32}
    if type not in types:
        raise ValueError(f"type must be one of {', '.join(types)}, got {type!r}")
    if len(names) != len(logits):
        raise ValueError(f"expected a name for each logit, got {len(names)} and {len(logits)}")
    z = (logits + shift).to(types[type])
    direct, stable = torch.exp(z) / torch.exp(z).sum(), torch.softmax(z, 0)

    fig = Figure(figsize=(6, 2.4))
    axes = fig.subplots(1, 2, sharey=True)
    for ax, title, p in zip(axes, ("direct", "stable"), (direct, stable)):
        ax.barh(names, p.nan_to_num().tolist())
        for j, value in enumerate(p.tolist()):
            ax.text(
                max(value, 0) + 0.03 if value == value else 0.03, j, f"{value:.3f}", va="center"
            )
        ax.set(title=f"{title}, {type}, logits + {shift:.0f}", xlabel="probability", xlim=(0, 1.2))
    axes[0].invert_yaxis()
    values = [", ".join(f"{v:.3f}" for v in p.tolist()) for p in (direct, stable)]
    alt = (
        f"Softmax of the logits {', '.join(f'{v:.1f}' for v in logits.tolist())} with {shift:.0f} "
        f"added to each, in {type}. Computed directly: {values[0]}; with the largest logit taken "
        f"out first: {values[1]}."
    )
    return Explorable(
        "softmax", alt, fig, title="Softmax, computed twice", names=list(names),
        logits=_floats(logits, 1), temperature=1.0, shift=shift, type=type,
    )  # fmt: skip


def decision_regions(W: torch.Tensor, b: torch.Tensor, points: Any, labels: Any) -> Explorable:
    """Three classes in the plane: points to be moved, a model to be turned, scaled and fitted.

    Args:
        W, b: weights (2, 3) and biases of the model at first.
        points: (n, 2), features between -4 and 4.
        labels: n class indices.
    """
    _checks.tensor("W", W)
    _checks.tensor("b", b)
    W, b = W.detach().double(), b.detach().double().flatten()
    points = torch.tensor(_floats(torch.as_tensor(points), 1)).double()
    labels = [int(y) for y in labels]
    if W.shape != (2, 3) or b.shape != (3,) or points.shape != (len(labels), 2):
        raise ValueError(
            f"expected W (2, 3), b (3,) and points ({len(labels)}, 2), one for each label, got "
            f"{tuple(W.shape)}, {tuple(b.shape)} and {tuple(points.shape)}"
        )
    if not all(0 <= y < 3 for y in labels):
        raise ValueError(f"labels must lie in 0..2, got {labels}")
    half = 4.0
    O = points @ W + b
    loss = torch.nn.functional.cross_entropy(O, torch.tensor(labels)).item()
    wrong = sum(int(j != y) for j, y in zip(O.argmax(1).tolist(), labels))

    fig = Figure(figsize=(5, 3.4))
    ax = fig.subplots()
    t = torch.linspace(-half, half, 81).double()
    G1, G2 = torch.meshgrid(t, t, indexing="xy")
    grid = torch.stack((G1, G2), -1) @ W + b
    for j in range(3):
        others = grid[..., [k for k in range(3) if k != j]].max(-1).values
        ax.contourf(G1, G2, grid[..., j] - others, [0, 1e9], colors=[f"C{j}"], alpha=0.25)
        ax.contour(G1, G2, grid[..., j] - others, [0], colors="#000000", linewidths=1.5)
        at = points[[y == j for y in labels]]
        ax.plot(*at.T, "os^"[j], color=f"C{j}", label=f"class {j}")
    for (x1, x2), o, y in zip(points, O, labels):
        if o.argmax() != y:  # a bold rim
            ax.plot(x1, x2, "os^"[y], color=f"C{y}", mec="#000000", mew=2, ms=8)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    alt = (
        f"A plane of two features, divided by straight lines into the regions of three classes, "
        f"with {len(labels)} points of the classes, {wrong} of them in the region of another; the "
        f"mean cross-entropy is {loss:.3f}."
    )
    return Explorable(
        "regions", alt, fig, title="Decision regions", W=_floats(W), b=_floats(b),
        points=_floats(points, 1), labels=labels, half=half, lr=0.5,
    )  # fmt: skip
