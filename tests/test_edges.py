"""Both sides of the package's bounds and conditions, where other tests see one side only."""

import errno
import math
import re

import pytest
import torch
from torch import nn

import d2lsupport as d2l
from d2lsupport import _checks, fashion_mnist, plotting


@pytest.fixture(autouse=True)
def no_figures_left():
    torch.manual_seed(0)
    yield
    d2l.plt.close("all")


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 3)])
def test_linreg_takes_a_bias_for_each_output_or_one_for_all(shape):
    X, w, b = torch.randn(5, 2), torch.randn(2, 3), torch.randn(shape)
    torch.testing.assert_close(d2l.linreg(X, w, b), X @ w + b.expand(5, 3))


@pytest.mark.parametrize(
    ("w", "b"),
    [((2, 3), (2,)), ((2, 3), (3, 1)), ((2, 3), (1, 1, 3)), ((2,), (1, 1)), ((2,), (3,))],
)
def test_linreg_refuses_any_other_bias_even_where_it_would_broadcast(w, b):
    with pytest.raises(ValueError, match="b must be"):
        d2l.linreg(torch.randn(3, 2), torch.randn(w), torch.randn(b))


@pytest.mark.parametrize("p", [-0.5, 1.5])
def test_cross_entropy_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match="probabilities"):
        d2l.cross_entropy(torch.tensor([[p, 1 - p]]), torch.tensor([0]))


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (math.inf, 1), (1, math.inf)])
def test_a_size_is_positive_and_finite(size):
    with pytest.raises(ValueError, match="positive"):
        d2l.set_figsize(size)
    d2l.set_figsize((0.5, 0.25))


def test_the_curves_of_a_training_stand_at_the_epochs_1_to_the_last():
    X, y = torch.randn(20, 3), torch.arange(20) % 2
    net = nn.Linear(3, 2)
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = nn.CrossEntropyLoss(reduction="none")
    history = d2l.train_ch3(net, [(X, y)], [(X, y)], loss, 3, trainer)
    axes = d2l.plt.gcf().axes[0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[1, 2, 3]] * 3
    assert [list(line.get_ydata()) for line in axes.lines] == [list(c) for c in zip(*history)]
    assert axes.get_xlim() == (1, 3)


def zeros(X):
    return torch.zeros(len(X), 10)


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 1, 5, 6), (1, 5, 6)])
def test_predict_ch3_shows_images_of_any_height_and_width(shape):
    X = torch.rand(shape)
    d2l.predict_ch3(zeros, [(X, torch.zeros(len(X), dtype=torch.int64))], n=2)
    shown = [ax.images[0].get_array() for ax in d2l.plt.gcf().axes]
    assert len(shown) == min(2, len(X))
    assert all((a == X[i].reshape(5, 6).numpy()).all() for i, a in enumerate(shown))


@pytest.mark.parametrize("shape", [(1, 784), (4, 784), (4, 3, 5, 6), (3,)])
def test_predict_ch3_refuses_what_is_no_image(shape):
    X = torch.rand(shape)
    with pytest.raises(ValueError, match="X must have shape"):
        d2l.predict_ch3(zeros, [(X, torch.zeros(len(X), dtype=torch.int64))], n=2)


@pytest.mark.parametrize(
    ("titles", "height"), [(None, 2), (list("abc"), 2.18), (["a\nb"] * 3, 2.36)]
)
def test_a_grid_of_images_has_room_for_its_titles(titles, height):
    d2l.show_images(torch.rand(3, 4, 4), 2, 3, titles=titles, scale=2)
    assert d2l.plt.gcf().get_size_inches().tolist() == pytest.approx([6, 2 * height])


@pytest.mark.parametrize("shape", [(4, 5), (1, 4, 5), (4, 5, 3), (4, 5, 4)])
def test_images_are_grey_or_in_colour(shape):
    (ax,) = d2l.show_images([torch.rand(shape)], 1, 1)
    assert ax.images[0].get_array().shape == (shape[1:] if shape[0] == 1 else shape)


@pytest.mark.parametrize("shape", [(4,), (4, 3, 5), (3, 4, 5), (4, 5, 2), (1, 4, 5, 3)])
def test_other_shapes_are_no_images(shape):
    with pytest.raises(ValueError, match="must have shape"):
        d2l.show_images([torch.rand(shape)], 1, 1)


def test_the_style_of_the_figures():
    d2l.use_svg_display()
    style = {key: d2l.plt.rcParams[key] for key in ("figure.figsize", "font.size", "grid.alpha")}
    assert style == {"figure.figsize": [5.0, 3.0], "font.size": 10, "grid.alpha": 0.3}
    for key in ("axes.grid", "figure.constrained_layout.use"):
        assert d2l.plt.rcParams[key] is True
    for key in ("axes.spines.right", "axes.spines.top"):
        assert d2l.plt.rcParams[key] is False
    assert d2l.plt.rcParams["legend.framealpha"] == 0


def test_coordinates_are_short_and_letters_keep_their_size():
    fig, ax = d2l.plt.subplots()
    ax.plot([0, 1 / 3], [0, 2 / 7])
    ax.set_xlabel("letters")
    svg = plotting._themed_svg(fig)
    assert "scale(0.015625)" in svg  # of a letter: any other tears words apart
    assert not re.search(r"[ \"][1-9]\d*\.\d{3}", svg)


class Shell:
    """As much of IPython as figures need."""

    def __init__(self, in_a_notebook=True, watched=True, content=None):
        self.types, formatter = [], type("Formatter", (), {})()
        formatter.for_type = lambda *arguments: self.types.append(arguments)
        self.display_formatter = type("Formatters", (), {})()
        self.display_formatter.formatters = {"image/svg+xml": formatter}
        self.at_the_end, self.events = [], type("Events", (), {})()
        self.events.register = lambda event, f: self.at_the_end.append((event, f))
        self.events.unregister = lambda event, f: self.at_the_end.remove((event, f))
        content = {"allow_stdin": watched} if content is None else content
        self.get_parent = lambda: {"content": content}
        if in_a_notebook:
            self.kernel = None


@pytest.mark.parametrize("in_a_notebook", [True, False])
def test_figures_are_themed_svg_in_a_notebook_only(in_a_notebook, monkeypatch):
    shell, formats = Shell(in_a_notebook), []
    monkeypatch.setattr(plotting, "get_ipython", lambda: shell)
    monkeypatch.setattr(plotting, "set_matplotlib_formats", formats.append)
    d2l.use_svg_display()
    assert formats == ["svg"] * in_a_notebook
    assert shell.types == [(d2l.plt.Figure, plotting._themed_svg)] * in_a_notebook


@pytest.fixture(params=[(True, True), (True, False), (False, True)])
def shown(request, monkeypatch):
    """A shell: a notebook that is watched or not, or IPython's terminal; and what it shows."""
    shell, events = Shell(*request.param), []
    handle = type("Handle", (), {"update": lambda self, fig: events.append(("update", fig))})()

    def display(what, raw, display_id):
        assert display_id is True and raw is not isinstance(what, d2l.plt.Figure)
        events.append(("display", what))
        return handle

    monkeypatch.setattr(plotting, "get_ipython", lambda: shell)
    monkeypatch.setattr(plotting, "set_matplotlib_formats", lambda kind: None)
    monkeypatch.setattr(plotting, "display", display)
    return request.param, shell, events


def test_an_animator_draws_once_a_point_where_it_is_watched_else_once_a_cell(shown):
    (_, watched), shell, events = shown
    animator = d2l.Animator()
    assert not d2l.plt.get_fignums()  # not shown once more at the end of the cell
    for x in (1, 2, 3):
        animator.add(x, x)
    if watched:
        assert events == [("display", animator.fig), *[("update", animator.fig)] * 2]
        assert not shell.at_the_end
        return
    assert events == [("display", {"text/plain": repr(animator.fig)})]  # in its place
    for cell in (2, 3):
        ((event, end),) = shell.at_the_end
        assert event == "post_execute"
        end()
        assert not shell.at_the_end
        assert events[1:] == [("update", animator.fig)] * (cell - 1)
        animator.add(cell + 2, 1)


def test_a_notebook_that_does_not_say_whether_it_takes_input_does():
    assert plotting._is_watched(Shell(content={}))  # the default of Jupyter's messages


def test_outside_ipython_an_animator_draws_nothing(monkeypatch):
    monkeypatch.setattr(plotting, "display", None)
    animator = d2l.Animator()
    monkeypatch.setattr(type(animator.fig.canvas), "draw", None)
    animator.add(1, 1)
    assert len(animator.axes[0].lines) == 1


def test_an_animator_draws_into_the_first_of_its_axes():
    animator = d2l.Animator(xlabel="epoch", ncols=2)
    animator.add(1, 2)
    animator.add(2, 3)
    assert [len(axes.lines) for axes in animator.axes] == [1, 0]
    assert [axes.get_xlabel() for axes in animator.axes] == ["epoch", ""]


def test_titles_are_small():
    (ax,) = d2l.show_images([torch.rand(4, 5)], 1, 1, titles=["a"])
    assert ax.title.get_size() == 9


def test_a_number_is_no_curve():
    with pytest.raises(TypeError, match="sequence of numbers"):
        d2l.plot(torch.tensor(1.0))


def test_a_glued_value_is_what_myst_nb_looks_for(monkeypatch):
    shown = []
    monkeypatch.setattr(plotting, "get_ipython", lambda: object())
    monkeypatch.setattr(plotting, "display", lambda *args, **kwargs: shown.append((args, kwargs)))
    plotting.glue(a="0.5", b="x")
    mime = "application/papermill.record/"
    assert shown == [
        (({f"{mime}text/plain": repr(value)},),
         {"raw": True, "metadata": {"scrapbook": {"name": name, "mime_prefix": mime}}})
        for name, value in (("a", "0.5"), ("b", "x"))
    ]  # fmt: skip


def test_a_full_disk_is_told_how_much_is_needed(tmp_path, monkeypatch):
    def fill(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fashion_mnist._files, "fill", fill)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    message = "writing 55 MB into .*: the disk is full"
    with pytest.raises(fashion_mnist.FashionMNISTError, match=message):
        d2l.ensure_fashion_mnist(tmp_path / "data")


@pytest.mark.parametrize("size", [(0, 64), (64, 0)])
def test_height_and_width_of_the_images_are_both_checked(size):
    with pytest.raises(ValueError, match="resize"):
        d2l.load_data_fashion_mnist(256, resize=size)


@pytest.mark.parametrize(
    ("rows", "message"), [((3, 2), "one row"), ((0, 0), "no examples"), ((2, 0), "one row")]
)
def test_a_later_minibatch_is_checked_for_its_lengths_too(rows, message):
    batches = [(torch.ones(2, 1), torch.ones(2)), (torch.ones(rows[0], 1), torch.ones(rows[1]))]
    with pytest.raises(ValueError, match=message):
        list(_checks.batches("data_iter", batches))
    assert len(list(_checks.batches("data_iter", batches[:1] * 2))) == 2
