"""Figures of one family: small, sharp, readable on a light and on a dark page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from cycler import cycler
from IPython import get_ipython
from IPython.core.pylabtools import print_figure
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats

from d2lsupport import _checks

#: Okabe and Ito's colours, told apart by colour-blind readers; neighbours differ in grey too.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
FMTS = ("-", "m--", "g-.", "r:")

# Ink and paper follow the reader's light or dark setting; both change together, so that a figure
# stays readable wherever a notebook shows it.
_THEME = (
    "svg{color:#1b1f24;fill:currentColor;--paper:#fff}"
    "@media (prefers-color-scheme:dark){svg{color:#ced6dd;--paper:#121212}}</style>"
)


def _themed_svg(fig: Figure) -> str:
    nothing = {"Date": None, "Creator": None}  # so that equal figures are equal files
    svg = print_figure(fig, fmt="svg", facecolor="#fffffe", metadata=nothing)
    svg = svg.replace("#fffffe", "var(--paper)").replace("#000000", "currentColor")
    svg = re.sub(r"(\b[1-9]\d*\.\d\d)\d+", r"\1", svg)  # a hundredth of a point; scales stay
    return svg.replace("</style>", _THEME, 1)


def use_svg_display() -> None:
    """Set style and size of figures; in a notebook, draw them as SVG, for light and dark."""
    _set_style()
    mpl.rcParams["figure.figsize"] = (5.0, 3.0)


def _set_style() -> None:
    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLORS),
            "axes.facecolor": "none",
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "image.cmap": "gray_r",
            "image.interpolation": "none",
            "legend.framealpha": 0,
            "svg.fonttype": "path",
            "svg.hashsalt": "d2lsupport",
        }
    )
    shell = get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        set_matplotlib_formats("svg")
        shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, _themed_svg)


def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """Set the size of the figures to come (inches: width, height).

    Raises:
        TypeError, ValueError: if `figsize` is not a pair of positive numbers.
    """
    _checks.size("figsize", figsize)
    _set_style()
    plt.rcParams["figure.figsize"] = figsize


def set_axes(
    axes: Axes,
    xlabel: str | None,
    ylabel: str | None,
    xlim: Any,
    ylim: Any,
    xscale: str,
    yscale: str,
    legend: Sequence[str] | None,
) -> None:
    """Label and scale `axes`; None leaves a limit to matplotlib.

    Raises:
        TypeError, ValueError: if `axes`, a limit, a scale or `legend` is not what it should be.
    """
    _check_axes(axes)
    if isinstance(legend, str):
        raise TypeError(f"legend must be a list of names, got {legend!r}: write [{legend!r}]")
    for name, limits in (("xlim", xlim), ("ylim", ylim)):
        if limits is not None and not (hasattr(limits, "__len__") and len(limits) == 2):
            raise ValueError(f"{name} must be a pair (low, high) or None, got {limits!r}")
    axes.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
    if xlim is not None and xlim[0] != xlim[1]:  # [1, 1] after a single epoch
        axes.set_xlim(xlim)
    if ylim is not None:
        axes.set_ylim(ylim)
    if legend:
        axes.legend(legend)


def _is_number(value: Any) -> bool:
    """Whether `value` stands for itself, and not for several; a text is left to be refused."""
    return isinstance(value, str) or not hasattr(value, "__len__") or getattr(value, "ndim", 1) == 0


def _check_axes(axes: Any) -> None:
    if not isinstance(axes, Axes):
        raise TypeError(f"axes must be one matplotlib Axes, got {type(axes).__name__}")


def _array(values: Any) -> Any:
    """What matplotlib can read: without gradients, on this device, in a format that NumPy knows."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return [_array(value) for value in values] if isinstance(values, (list, tuple)) else values


def _check_fmts(fmts: Any) -> None:
    if isinstance(fmts, str):
        raise TypeError(f"fmts must be a list of formats, got {fmts!r}: write [{fmts!r}]")
    if not fmts:
        raise ValueError(f"fmts must hold a format, got {fmts!r}")


def _is_one_curve(name: str, values: Any) -> bool:
    if not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0:
        raise TypeError(f"{name} must be a sequence of numbers, got {_checks.given(values)}")
    if len(values) == 0:
        raise ValueError(f"{name} holds no points")
    if hasattr(values, "ndim"):
        if values.ndim == 2 and values.shape[1] == 1 < values.shape[0]:
            raise ValueError(
                f"{name} must have shape (n,), or a row for each curve, got "
                f"{tuple(values.shape)}: call flatten()"
            )
        return bool(values.ndim == 1)
    if isinstance(values, str) or isinstance(values[0], str):
        raise TypeError(f"{name} must be a sequence of numbers, got texts")
    return _is_number(values[0])


def plot(
    X: Any,
    Y: Any = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    legend: Sequence[str] | None = None,
    xlim: Any = None,
    ylim: Any = None,
    xscale: str = "linear",
    yscale: str = "linear",
    fmts: Sequence[str] = FMTS,
    figsize: tuple[float, float] = (3.5, 2.5),
    axes: Axes | None = None,
) -> None:
    """Plot one or more curves.

    Args:
        X: points, shape (n,), shared by all curves or one sequence for each; with `Y` None, the
            values themselves, against their index.
        Y: values, shape (n,), or a sequence of such.
        fmts: matplotlib's format of each curve in turn.
        figsize: width and height (inches) of new figures from now on, where `axes` is not given.
        axes: where to draw, in place of what is there; by default the current axes, or those of a
            new figure where none is open.

    Raises:
        ValueError: if there are neither one `X` nor as many as `Y`, no points or formats, or a
            column (n, 1) for a curve; and as `set_figsize` and `set_axes` do.
        TypeError: if `X` or `Y` is no sequence of numbers, and as `set_figsize` and `set_axes` do.
    """
    X = [X] if _is_one_curve("X", X) else list(X)
    if Y is None:
        X, Y = [None] * len(X), X
    else:
        Y = [Y] if _is_one_curve("Y", Y) else list(Y)
    if len(X) == 1:
        X = X * len(Y)
    if len(X) != len(Y):
        raise ValueError(f"expected one X, or one for each Y; got {len(X)} X and {len(Y)} Y")
    _check_fmts(fmts)
    if axes is None:
        set_figsize(figsize)
        axes = plt.gca()
    _check_axes(axes)
    axes.cla()
    for i, (x, y) in enumerate(zip(X, Y)):
        points = [_array(y)] if x is None else [_array(x), _array(y)]
        axes.plot(*points, fmts[i % len(fmts)])
    set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend)


def show_images(
    imgs: Any,
    num_rows: int,
    num_cols: int,
    titles: Sequence[str] | None = None,
    scale: float = 1.5,
) -> Any:
    """Show images in a grid, row by row.

    Args:
        imgs: tensors, arrays or PIL images, each of shape (h, w), (h, w, 3) or (1, h, w).
        num_rows, num_cols: size of the grid.
        titles: one for each image.
        scale: width of a cell (inches).

    Returns:
        The axes, a flat array of length num_rows * num_cols.

    Raises:
        ValueError: if the grid has fewer cells than there are images, or an image has another
            shape, or there are not as many titles as images.
        TypeError: if `imgs` is no sequence, or a number is none.
    """
    if not hasattr(imgs, "__len__") or getattr(imgs, "ndim", 1) == 0:
        raise TypeError(f"imgs must be a sequence of images, got {_checks.given(imgs)}")
    _checks.positive_int("num_rows", num_rows)
    _checks.positive_int("num_cols", num_cols)
    _checks.size("scale", (scale, scale))
    if titles is not None and not isinstance(titles, str):
        titles = list(_checks.iterable("titles", _array(titles), "a list of texts"))
    if titles and (isinstance(titles, str) or len(titles) != len(imgs)):
        raise ValueError(f"titles must be {len(imgs)} texts, one for each image, got {titles!r}")
    if len(imgs) > num_rows * num_cols:
        raise ValueError(f"{len(imgs)} images do not fit into {num_rows} x {num_cols} cells")
    pictures = [_picture(i, img) for i, img in enumerate(imgs)]
    _set_style()
    lines = max((str(title).count("\n") + 1 for title in titles), default=0) if titles else 0
    figsize = (num_cols * scale, num_rows * (scale + 0.18 * lines))
    _, axes = plt.subplots(num_rows, num_cols, figsize=figsize, squeeze=False)
    axes = axes.flatten()
    for ax in axes:
        ax.set_axis_off()
    for i, (ax, img) in enumerate(zip(axes, pictures)):
        ax.imshow(img)
        if titles:
            ax.set_title(titles[i], fontsize=9)
    return axes


def _picture(i: int, img: Any) -> Any:
    """Image number `i` as matplotlib takes it."""
    img = _array(img)
    if getattr(img, "ndim", 0) == 3 and img.shape[0] == 1:
        img = img[0]
    shape = getattr(img, "shape", (0, 0))  # a PIL image has none, and is always right
    if len(shape) != 2 and (len(shape) != 3 or shape[-1] not in (3, 4)):
        raise ValueError(
            f"imgs[{i}] must have shape (h, w), (h, w, 3) or (1, h, w), got {tuple(shape)}"
        )
    return img


class Animator:
    """Curves that grow point by point: one figure, updated in place.

    In a notebook each `add` redraws the same output, so a finished run leaves one picture. Where a
    notebook is executed with nobody to see it, as for a page of a book, that picture is drawn once,
    when the cell has ended. In a script nothing is drawn before `plt.show()`, or saving `fig`.
    """

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        legend: Sequence[str] | None = None,
        xlim: Any = None,
        ylim: Any = None,
        xscale: str = "linear",
        yscale: str = "linear",
        fmts: Sequence[str] = FMTS,
        nrows: int = 1,
        ncols: int = 1,
        figsize: tuple[float, float] = (3.5, 2.5),
    ) -> None:
        _check_fmts(fmts)
        _set_style()
        self.fig, axes = plt.subplots(nrows, ncols, figsize=figsize, squeeze=False)
        if get_ipython() is not None:
            plt.close(self.fig)  # shown by display() alone, not once more at the end of the cell
        self.axes = list(axes.flatten())
        self.fmts = fmts
        self.X: list[list[float]] = []
        self.Y: list[list[float]] = []
        self._set_axes = lambda: set_axes(
            self.axes[0], xlabel, ylabel, xlim, ylim, xscale, yscale, legend
        )
        self._handle: Any = None
        self._waiting = False  # for the end of a cell

    def add(self, x: Any, y: Any) -> None:
        """Append a point to each curve; None leaves a curve as it is.

        Args:
            x: one number for all curves, or one for each.
            y: one number, or one for each curve.

        Raises:
            ValueError, TypeError: if there are not as many x as y, or one is not a number.
        """
        y = [y] if _is_number(y) else list(y)
        x = [x] * len(y) if _is_number(x) else list(x)
        if len(x) != len(y):
            raise ValueError(f"expected one x, or one for each y; got {len(x)} x and {len(y)} y")
        points = [
            None if a is None or b is None else (_checks.number("x", a), _checks.number("y", b))
            for a, b in zip(x, y)
        ]
        while len(self.X) < len(y):
            self.X.append([])
            self.Y.append([])
        for i, point in enumerate(points):
            if point is not None:
                self.X[i].append(point[0])
                self.Y[i].append(point[1])
        self.axes[0].cla()
        for i, (xs, ys) in enumerate(zip(self.X, self.Y)):
            self.axes[0].plot(xs, ys, self.fmts[i % len(self.fmts)])
        self._set_axes()
        self._show()

    def _show(self) -> None:
        shell = get_ipython()
        if shell is None:
            return
        watched = _is_watched(shell)
        if self._handle is None:  # else the picture has its place in the output already
            place = self.fig if watched else {"text/plain": repr(self.fig)}
            self._handle = display(place, raw=not watched, display_id=True)
        elif watched:
            self._handle.update(self.fig)
        if not watched and not self._waiting:
            self._waiting = True
            shell.events.register("post_execute", self._draw_at_last)

    def _draw_at_last(self) -> None:
        get_ipython().events.unregister("post_execute", self._draw_at_last)
        self._waiting = False
        self._handle.update(self.fig)


def _is_watched(shell: Any) -> bool:
    """Whether someone may see a cell while it runs; programs that run notebooks take no input."""
    if not hasattr(shell, "kernel"):
        return True
    return bool(shell.get_parent().get("content", {}).get("allow_stdin", True))


def glue(**values: str) -> None:
    """Hand values to the text of a page, where {glue:text}`name` prints them; shows nothing itself.

    Writes the output that `myst_nb.glue` writes, without needing myst-nb where a notebook runs.
    """
    mime = "application/papermill.record/"
    for name, value in values.items():
        if get_ipython() is not None:
            display(
                {mime + "text/plain": repr(str(value))},
                raw=True,
                metadata={"scrapbook": {"name": name, "mime_prefix": mime}},
            )
