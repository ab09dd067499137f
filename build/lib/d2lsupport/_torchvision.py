"""Let `import torchvision` work where its compiled operators do not fit the installed torch.

A torchvision built for CUDA beside a CPU-only torch stops at import with "operator
torchvision::nms does not exist". Data sets and transforms need no operator, so declaring the two
that the import looks for is enough. Nothing is done where torchvision's own operators load.
"""

import importlib.util
import sys
from pathlib import Path

import torch


def declare_missing_operators() -> None:
    """Declare `torchvision::nms` and `torchvision::qnms` unless torchvision brings them."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or "torchvision" in sys.modules:
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


declare_missing_operators()
