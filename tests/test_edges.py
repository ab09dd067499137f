"""Both sides of the package's bounds and conditions, where other tests see one side only."""

import errno
import math
import re
import sys
from unittest import mock

import pytest
import torch
from torch import nn

import d2lsupport as d2l
from d2lsupport import _checks, _loader, _torchvision, fashion_mnist, plotting

NAN, INF = float("nan"), float("inf")
each = nn.CrossEntropyLoss(reduction="none")


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


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("loss", [nn.MSELoss(reduction="none"), lambda a, b: (a - b) ** 2])
def test_a_prediction_that_would_be_broadcast_to_the_labels_is_refused(loss):
    X, y = torch.ones(4, 2), torch.tensor([[1.0, 5.0]] * 4)
    for net in (lambda X: X[:, :1], lambda X: X.mean()):
        with pytest.raises(ValueError, match="do prediction and label differ in shape"):
            d2l.evaluate_loss(net, [(X, y)], loss)
    assert d2l.evaluate_loss(lambda X: X, [(X, y)], loss) == 8


def test_batches_that_want_gradients_have_graphs_of_their_own():
    X = torch.arange(8.0).reshape(4, 2).requires_grad_()
    for (batch,) in d2l.load_array((X,), 1):
        (batch**2).sum().backward()
    assert torch.equal(X.grad, 2 * X.detach())


def test_what_is_fetched_at_once_stays_within_its_bound(monkeypatch):
    monkeypatch.setattr(_loader, "AT_ONCE", 10)  # bytes; a batch of two has 16
    batches, rows = d2l.load_array((torch.arange(6.0, dtype=torch.float64),), 2), []
    fetch = batches._fetch
    monkeypatch.setattr(batches, "_fetch", lambda some: rows.append(len(some)) or fetch(some))
    assert len(list(batches)) == 3 and rows == [1, 2, 2, 2]


def test_examples_without_features_are_batches_too():
    assert [b.shape for (b,) in d2l.load_array((torch.ones(5, 0),), 2)] == [(2, 0), (2, 0), (1, 0)]


def test_the_rest_of_a_data_iter_is_no_epoch():
    X, y = torch.ones(6, 1), torch.zeros(6, 1)
    iterator = d2l.data_iter(2, X, y)
    for _ in iterator:
        break
    with pytest.raises(ValueError, match="used up, or in part"):
        d2l.evaluate_loss(lambda X: X, iterator, d2l.squared_loss)
    assert len(next(iter(d2l.data_iter(2, X, y)))) == 2


@pytest.mark.parametrize("lr", [NAN, INF])
def test_an_optimiser_with_a_rate_that_cannot_be_meant_is_refused_before_its_step(lr):
    net = nn.Linear(6, 3)
    before = net.weight.detach().clone()
    trainer = torch.optim.SGD(net.parameters(), lr=lr)
    with pytest.raises(ValueError, match="lr must be finite"):
        d2l.train_epoch_ch3(net, [(torch.ones(2, 6), torch.tensor([0, 1]))], each, trainer)
    assert torch.equal(net.weight, before)


@pytest.mark.parametrize("factor", [INF, NAN])
@pytest.mark.parametrize("kind", ["torch", "scratch"])
def test_a_loss_that_is_not_finite_changes_no_parameter(factor, kind):
    W = torch.zeros(6, 3, requires_grad=True)
    updater = torch.optim.SGD([W], lr=0.1) if kind == "torch" else lambda n: d2l.sgd([W], 0.1, n)
    batches = [(torch.ones(2, 6), torch.tensor([0, 1]))]
    with pytest.raises(ValueError, match="training loss is"):
        d2l.train_epoch_ch3(lambda X: X @ W, batches, lambda a, b: each(a, b) * factor, updater)
    assert not W.any() and W.grad is None


@pytest.mark.parametrize("updater", ["sgd", None, torch.optim.SGD])
def test_what_is_no_updater_leaves_the_net_in_its_mode(updater):
    net = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3)).eval()
    with pytest.raises(TypeError, match="updater must be"):
        d2l.train_epoch_ch3(net, [(torch.rand(2, 6), torch.tensor([0, 1]))], each, updater)
    assert not net.training and not net[0].running_mean.any()


def test_sgd_takes_a_rate_of_shape_1_for_parameters_of_any_shape():
    params = [torch.ones(shape, requires_grad=True) for shape in ((2, 1), ())]
    for p in params:
        p.grad = torch.ones_like(p)
    d2l.sgd(params, torch.tensor([0.5]), 1)
    assert all((p == 0.5).all() for p in params)


def test_what_synthetic_data_refuses_draws_no_numbers():
    state = torch.get_rng_state()
    with pytest.raises(TypeError, match="float32, got torch.float64"):
        d2l.synthetic_data(torch.ones(2, dtype=torch.float64), 0.0, 5)
    assert torch.equal(torch.get_rng_state(), state)


def test_synthetic_data_are_constants_of_one_type():
    w = torch.ones(2, requires_grad=True)
    X, y = d2l.synthetic_data(w, torch.tensor([4.2], dtype=torch.float64), 5)
    assert X.dtype == y.dtype == torch.float32 and not y.requires_grad
    with pytest.raises(ValueError, match="b must hold a value.*meta"):
        d2l.synthetic_data(w, torch.ones(1, device="meta"), 5)


def test_an_integer_bias_leaves_the_type_of_the_predictions():
    assert d2l.linreg(torch.ones(4, 2), torch.ones(2, 1), torch.tensor([1])).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_loss_of_many_examples_of_16_bits_is_their_mean(dtype):
    X, y = torch.full((70_000, 1), 2, dtype=dtype), torch.zeros(70_000, 1, dtype=dtype)
    assert d2l.evaluate_loss(lambda X: X, [(X, y)], d2l.squared_loss) == 2


def test_one_loss_for_an_example_of_several_labels_is_refused_in_training():
    w = torch.ones(1, requires_grad=True)
    batches = [(torch.zeros(2, 3, 5), torch.zeros(2, 5, dtype=torch.int64))]
    trainer = torch.optim.SGD([w], lr=0.1)
    with pytest.raises(ValueError, match=r"shape \(2,\) for labels of shape \(2, 5\)"):
        d2l.train_epoch_ch3(lambda X: w * X, batches, lambda a, b: each(a, b).mean(1), trainer)


@pytest.mark.parametrize("other", [3.0, 0.6])
def test_logits_between_0_and_1_are_no_probabilities(other):
    with pytest.raises(ValueError, match=f"sum to 1 in each row, got sums from {0.5 + other}"):
        d2l.cross_entropy(torch.tensor([[0.5, other]]), torch.tensor([0]))


@pytest.mark.parametrize("dtype", [torch.uint16, torch.uint32, torch.uint64])
def test_labels_may_be_integers_of_any_type(dtype):
    assert d2l.accuracy(torch.eye(3), torch.arange(3).to(dtype)) == 3


@pytest.mark.parametrize("reader", [d2l.data_iter, lambda n, *arrays: d2l.load_array(arrays, n)])
def test_readers_refuse_sparse_tensors(reader):
    with pytest.raises(TypeError, match="dense, got torch.sparse_coo"):
        reader(2, torch.eye(4).to_sparse(), torch.ones(4))


def test_labels_without_numbers_and_later_batches_of_no_tensors_are_refused():
    with pytest.raises(ValueError, match=r"no labels, got shape \(2, 0\)"):
        d2l.evaluate_accuracy(lambda X: X, [(torch.ones(2, 0), torch.ones(2, 0))])
    batches = [(torch.eye(3), torch.arange(3)), (torch.eye(3), 1)]
    with pytest.raises(TypeError, match="y must be a torch.Tensor, got int"):
        d2l.evaluate_accuracy(lambda X: X, batches)


@pytest.mark.parametrize("scores", [torch.ones(2, 1), torch.ones(2, 0)])
def test_predict_ch3_refuses_scores_of_fewer_than_two_classes(scores):
    with pytest.raises(ValueError, match=r"shape \(2, q\) with q > 1, got"):
        d2l.predict_ch3(lambda X: scores, [(torch.rand(2, 1, 4, 4), torch.tensor([3, 4]))], 2)


def test_predict_ch3_takes_two_classes():
    d2l.predict_ch3(lambda X: torch.eye(2), [(torch.rand(2, 1, 4, 4), torch.tensor([1, 0]))], 2)
    titles = [ax.get_title() for ax in d2l.plt.gcf().axes]
    assert titles == ["trouser\nt-shirt", "t-shirt\ntrouser"]


def test_a_list_of_tensors_of_one_number_is_one_curve():
    losses = [torch.tensor(v, requires_grad=True) for v in (3.0, 2.0, 1.0)]
    for arguments in ((losses,), ([0, 1, 2], losses), ([0, 1, 2], [losses])):
        d2l.plot(*arguments)
        (line,) = d2l.plt.gca().lines
        assert [list(line.get_xdata()), list(line.get_ydata())] == [[0, 1, 2], [3, 2, 1]]


@pytest.mark.parametrize(
    ("X", "error"), [(torch.ones(3, 1), ValueError), (["0.3", "0.1"], TypeError), ("ab", TypeError)]
)
def test_what_is_no_curve_is_refused(X, error):
    with pytest.raises(error, match="X must"):
        d2l.plot(X)


def test_a_row_of_one_number_is_a_curve_and_a_number_is_no_list_of_images():
    d2l.plot(torch.ones(1, 1))
    assert [line.get_ydata().tolist() for line in d2l.plt.gca().lines] == [[1]]
    with pytest.raises(TypeError, match="imgs must be a sequence"):
        d2l.show_images(torch.tensor(1.0), 1, 1)


@pytest.mark.parametrize(("fmts", "error"), [((), ValueError), ("r:", TypeError)])
def test_formats_are_a_list_of_at_least_one(fmts, error):
    for call in (lambda: d2l.plot([1, 2], fmts=fmts), lambda: d2l.Animator(fmts=fmts)):
        with pytest.raises(error, match="fmts must"):
            call()
    assert not d2l.plt.get_fignums()


def test_titles_may_be_labels_and_what_is_refused_leaves_no_figure():
    images = torch.rand(2, 4, 4).bfloat16()
    axes = d2l.show_images(images, 1, 2, titles=torch.tensor([9, 0]))
    assert [ax.get_title() for ax in axes] == ["9", "0"]
    d2l.plt.close("all")
    with pytest.raises(ValueError, match="must have shape"):
        d2l.show_images(torch.rand(1, 3, 5, 5), 1, 1)
    with pytest.raises(TypeError, match="scale must be a pair of numbers"):
        d2l.show_images(images, 1, 2, scale="2")
    assert not d2l.plt.get_fignums()


def test_the_size_of_figures_to_come_outlives_pictures_and_curves():
    d2l.set_figsize((4, 2))
    d2l.show_images([], 1, 1)
    d2l.Animator()
    assert d2l.plt.figure().get_size_inches().tolist() == [4, 2]


def test_a_folder_without_locks_leads_to_the_cache(tmp_path, monkeypatch):
    tried = []

    def fill(folder, *arguments):
        tried.append(folder)
        if len(tried) == 1:
            raise NotImplementedError("FileSystem does not appear to support flock")
        return True

    monkeypatch.setattr(fashion_mnist._files, "fill", fill)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert d2l.ensure_fashion_mnist(tmp_path / "data") == tmp_path / "cache" / "d2lsupport"


def test_the_command_line_has_one_line_for_a_path_that_is_none(capsys):
    assert fashion_mnist.main(["~no-such-user/x"]) == 1
    assert "nobody's home" in capsys.readouterr().err


def test_an_example_may_be_counted_from_the_end():
    images = torch.zeros(3, 28, 28, dtype=torch.uint8)
    assert fashion_mnist.InMemory(images, torch.arange(3))[-1][1] == 2
    with pytest.raises(IndexError):
        fashion_mnist.InMemory(images, torch.arange(3))[3]


def test_no_other_finder_of_modules_is_passed_over(monkeypatch):
    asked = []
    other = mock.Mock(find_spec=lambda name, path, target=None: asked.append(name))
    finders = [_torchvision.BeforeTorchvision, other, *sys.meta_path]
    monkeypatch.setattr(sys, "meta_path", finders)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(_torchvision, "declare_missing_operators", lambda: None)
    sys.modules["importlib._bootstrap"]._find_spec("torchvision", None)
    assert "torchvision" in asked
