"""Let `import torchvision` work where its compiled operators do not fit the installed torch.

A torchvision built for CUDA beside a CPU-only torch stops at import with "operator
torchvision::nms does not exist". Data sets and transforms need no operator, so declaring the two
that the import looks for is enough. Nothing is done where torchvision's own operators load, nor
before torchvision is imported: it takes as long as torch itself.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import torch


def declare_missing_operators() -> None:
    """Declare `torchvision::nms` and `torchvision::qnms` unless torchvision brings them."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    for library in Path(spec.origin).parent.glob("_C*.*"):
        try:
            torch.ops.load_library(library)
            return
        except OSError:
            continue
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(
                f"torchvision::{name}",
                "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            )


class BeforeTorchvision:
    """Stands first among Python's finders of modules, until torchvision is looked for."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Declare the operators, step aside, and hand on what the other finders find."""
        if name == "torchvision" and cls in sys.meta_path:
            sys.meta_path.remove(cls)
            declare_missing_operators()
            return importlib.util.find_spec(name)  # Python's own loop now skips one of them
        return None


def prepare() -> None:
    """Have the operators declared when torchvision is first imported."""
    if "torchvision" not in sys.modules:
        sys.meta_path.insert(0, BeforeTorchvision)
