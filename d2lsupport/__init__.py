"""Helpers of the course *Linear Networks from First Principles*.

`import d2lsupport as d2l` runs code written for chapters 3 and 4 of *Dive into Deep Learning*.
"""

import importlib
from typing import TYPE_CHECKING, Any

from d2lsupport import _torchvision
from d2lsupport.fashion_mnist import (
    ensure_fashion_mnist,
    get_dataloader_workers,
    get_fashion_mnist_labels,
    load_data_fashion_mnist,
)
from d2lsupport.linear_regression import (
    data_iter,
    evaluate_loss,
    linreg,
    load_array,
    sgd,
    squared_loss,
    synthetic_data,
)
from d2lsupport.softmax_regression import (
    accuracy,
    cross_entropy,
    evaluate_accuracy,
    predict_ch3,
    softmax,
    train_ch3,
    train_epoch_ch3,
)
from d2lsupport.utils import Accumulator, Timer

if TYPE_CHECKING:
    import matplotlib.pyplot as plt

    from d2lsupport import explore as explore
    from d2lsupport.plotting import (
        Animator,
        glue,
        plot,
        set_axes,
        set_figsize,
        show_images,
        use_svg_display,
    )

__version__ = "1.0.0"

__all__ = [
    "Accumulator",
    "Animator",
    "Timer",
    "accuracy",
    "cross_entropy",
    "data_iter",
    "ensure_fashion_mnist",
    "evaluate_accuracy",
    "evaluate_loss",
    "get_dataloader_workers",
    "get_fashion_mnist_labels",
    "glue",
    "linreg",
    "load_array",
    "load_data_fashion_mnist",
    "plot",
    "plt",
    "predict_ch3",
    "set_axes",
    "set_figsize",
    "sgd",
    "show_images",
    "softmax",
    "squared_loss",
    "synthetic_data",
    "train_ch3",
    "train_epoch_ch3",
    "use_svg_display",
]

_torchvision.prepare()  # so that `import torchvision` works afterwards


def __getattr__(name: str) -> Any:
    """What draws, when first used: matplotlib and IPython take half as long to load as torch."""
    if name == "explore":
        return importlib.import_module("d2lsupport.explore")
    if name in __all__:
        from d2lsupport import plotting

        return getattr(plotting, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "explore"})
