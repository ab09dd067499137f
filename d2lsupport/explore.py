"""Explorable figures: a chapter's own data and weights, moved by the reader in the page itself.

Each function returns a figure that a notebook shows as HTML: a still picture with a description,
and the data from which `explore.js` makes the live figure in its place. The output brings script
and style along, since Colab isolates each output; in the book they are linked once a page.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch
from matplotlib.figure import Figure

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
    return re.sub(r"\s+", " ", re.sub(r"(\b[1-9]\d*\.\d)\d+", r"\1", svg)).strip()


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
    x, y = (torch.tensor(_floats(torch.as_tensor(v).flatten())) for v in (x, y))
    if x.shape != y.shape or len(x) < 2:
        raise ValueError(f"expected an x and a y for each point, got {len(x)} x and {len(y)} y")
    A = torch.stack((x, torch.ones_like(x)), 1)
    return x, y, torch.linalg.lstsq(A, y[:, None]).solution.flatten()


def _loss(x: torch.Tensor, y: torch.Tensor, w: Any, b: Any) -> float:
    return float(((w * x + b - y) ** 2).mean() / 2)


def _around(centre: float, point: float) -> list[float]:
    """An interval that holds both, the first in its middle."""
    half = 1.4 * max(abs(point - centre), 0.5)
    return [round(centre - half, 1), round(centre + half, 1)]


def _padded(values: torch.Tensor, share: float) -> list[float]:
    low, high = values.min().item(), values.max().item()
    pad = share * (high - low)
    return [round(low - pad, 2), round(high + pad, 2)]


def _draw_bowl(ax: Any, x: Any, y: Any, best: Any, excess: float, w: Any, b: Any) -> None:
    """Contours of the loss over (w, b), as the live figure draws them."""
    W, B = torch.meshgrid(
        torch.linspace(w[0], w[1], 40), torch.linspace(b[0], b[1], 40), indexing="xy"
    )
    L = ((W[..., None] * x + B[..., None] - y) ** 2).mean(-1) / 2
    levels = [_loss(x, y, *best) + excess * 3.0**k for k in range(9)]
    ax.contour(W, B, L, levels, colors="C5", linewidths=0.8)
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
    left.set(xlabel=xlabel, ylabel=ylabel, xlim=span["x"], ylim=span["y"])
    _draw_bowl(right, x, y, best, excess, span["w"], span["b"])
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
    from matplotlib.patches import Rectangle

    width = abs(side) * scale
    left = x - width if (side > 0) == rising else x
    return Rectangle((left, min(y, y + side)), width, abs(side), color="C1", alpha=0.3)
