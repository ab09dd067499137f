"""The figures hold what they were given: tested on the plotted data, not on pixels."""

import numpy as np
import pytest
import torch

import d2lsupport as d2l
from d2lsupport import plotting


@pytest.fixture(autouse=True)
def no_figures_left():
    d2l.plt.close("all")
    yield
    d2l.plt.close("all")


def curves(axes):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (([1, 2, 3],), [([0, 1, 2], [1, 2, 3])]),
        (([[1, 2], [3, 4]],), [([0, 1], [1, 2]), ([0, 1], [3, 4])]),
        (([0, 5], [1, 2]), [([0, 5], [1, 2])]),
        (([0, 5], [[1, 2], [3, 4]]), [([0, 5], [1, 2]), ([0, 5], [3, 4])]),
        (([[0, 5], [6, 7]], [[1, 2], [3, 4]]), [([0, 5], [1, 2]), ([6, 7], [3, 4])]),
        ((torch.tensor([0.0, 5.0]), [np.array([1.0, 2.0])]), [([0, 5], [1, 2])]),
        ((torch.tensor([0.0, 1.0], requires_grad=True), [torch.ones(2)]), [([0, 1], [1, 1])]),
    ],
)
def test_plot_takes_one_curve_or_several(arguments, expected):
    d2l.plot(*arguments, xlabel="x", ylabel="y", legend=["a", "b"], xlim=[0, 9], yscale="log")
    axes = d2l.plt.gca()
    assert curves(axes) == expected
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("x", "y", "log")
    assert axes.get_xlim() == (0, 9)


def test_plot_draws_into_given_axes_and_refuses_counts_that_do_not_fit():
    _, axes = d2l.plt.subplots()
    d2l.plot([0, 1], [2, 3], axes=axes)
    assert curves(axes) == [([0, 1], [2, 3])]
    with pytest.raises(ValueError, match="one X"):
        d2l.plot([[0, 1], [0, 1]], [[1, 2], [1, 2], [1, 2]])


def test_show_images_shows_each_image_in_its_cell():
    images = torch.rand(5, 1, 4, 4)
    axes = d2l.show_images(images, 2, 3, titles=list("abcde"))
    assert len(axes) == 6
    for i in range(5):
        assert np.array_equal(axes[i].images[0].get_array(), images[i, 0].numpy())
        assert axes[i].get_title() == "abcde"[i]
    assert not axes[5].images
    assert not any(ax.axison for ax in axes)
    with pytest.raises(ValueError, match="do not fit"):
        d2l.show_images(images, 1, 3)
    assert len(d2l.show_images(images[:1], 1, 1, titles=[7])) == 1


def test_animator_keeps_all_points_of_all_curves():
    animator = d2l.Animator(xlabel="epoch", legend=["a", "b"], xlim=[1, 3], ylim=[0, 1])
    animator.add(1, (0.1, torch.tensor(0.2)))
    animator.add(2, (0.3, None))
    animator.add(3, [0.5, 0.6])
    axes = animator.axes[0]
    assert curves(axes)[0] == ([1, 2, 3], [0.1, 0.3, 0.5])
    assert curves(axes)[1][0] == [1, 3]
    assert axes.get_xlim() == (1, 3) and axes.get_ylim() == (0, 1)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b"]
    with pytest.raises(ValueError, match="one x"):
        animator.add([1, 2], [1, 2, 3])
    assert d2l.plt.get_fignums()  # a script can show it
    single = d2l.Animator()
    single.add(1, 2.0)
    assert curves(single.axes[0]) == [([1], [2])]


def test_set_axes_sets_what_it_is_given():
    _, axes = d2l.plt.subplots()
    axes.plot([1, 2], [1, 2])
    d2l.set_axes(axes, "x", "y", [1, 2], [1, 3], "log", "linear", ["line"])
    assert (axes.get_xlabel(), axes.get_xscale(), axes.get_ylim()) == ("x", "log", (1, 3))
    d2l.set_axes(axes, None, None, None, None, "linear", "linear", None)
    assert axes.get_xlabel() == ""


def test_set_figsize_sets_the_size_of_figures_to_come():
    d2l.set_figsize((4, 2))
    assert d2l.plt.figure().get_size_inches().tolist() == [4, 2]


def test_a_figure_brings_ink_and_paper_for_light_and_dark():
    d2l.use_svg_display()
    fig, axes = d2l.plt.subplots()
    axes.plot([0, 1], [0, 1], "k")
    axes.set(title="title")
    svg = plotting._themed_svg(fig)
    assert "prefers-color-scheme:dark" in svg
    assert "fill: var(--paper)" in svg
    assert "#000000" not in svg and "#fffffe" not in svg
    assert svg == plotting._themed_svg(fig)  # equal figures are equal files


def test_names_and_arguments_are_those_of_d2l():
    import inspect

    expected = {
        "synthetic_data": "w b num_examples",
        "data_iter": "batch_size features labels",
        "linreg": "X w b",
        "squared_loss": "y_hat y",
        "sgd": "params lr batch_size",
        "load_array": "data_arrays batch_size is_train=True",
        "get_dataloader_workers": "",
        "load_data_fashion_mnist": "batch_size resize=None",
        "get_fashion_mnist_labels": "labels",
        "softmax": "X",
        "cross_entropy": "y_hat y",
        "accuracy": "y_hat y",
        "evaluate_accuracy": "net data_iter",
        "evaluate_loss": "net data_iter loss",
        "Accumulator": "n",
        "Timer": "",
        "train_epoch_ch3": "net train_iter loss updater",
        "train_ch3": "net train_iter test_iter loss num_epochs updater",
        "predict_ch3": "net test_iter n=6",
        "Animator": "xlabel=None ylabel=None legend=None xlim=None ylim=None xscale=linear "
        "yscale=linear fmts=('-', 'm--', 'g-.', 'r:') nrows=1 ncols=1 figsize=(3.5, 2.5)",
        "plot": "X Y=None xlabel=None ylabel=None legend=None xlim=None ylim=None xscale=linear "
        "yscale=linear fmts=('-', 'm--', 'g-.', 'r:') figsize=(3.5, 2.5) axes=None",
        "set_axes": "axes xlabel ylabel xlim ylim xscale yscale legend",
        "set_figsize": "figsize=(3.5, 2.5)",
        "use_svg_display": "",
        "show_images": "imgs num_rows num_cols titles=None scale=1.5",
    }
    for name, arguments in expected.items():
        parameters = inspect.signature(getattr(d2l, name)).parameters.values()
        found = [p.name if p.default is p.empty else f"{p.name}={p.default}" for p in parameters]
        assert " ".join(found) == arguments, name
    assert d2l.plt is __import__("matplotlib.pyplot", fromlist=["pyplot"])
