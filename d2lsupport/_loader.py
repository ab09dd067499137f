"""A DataLoader for data in memory, which are fetched a whole batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils import data

AT_ONCE = 1 << 20  # bytes: small batches are fetched together, as long as a cache can hold them


class BatchLoader(data.DataLoader[Any]):
    """A DataLoader that hands its data set the indices of whole batches, as one tensor.

    The batches are those of PyTorch's own loader, bit for bit under the same seed. That one handles
    each index by itself, which on small examples takes as long as the training.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        _draw()  # PyTorch's loader draws a seed for its workers here, needed or not
        return self._batches()

    def _batches(self) -> Iterator[list[torch.Tensor]]:
        order = torch.arange(len(self.sampler))  # type: ignore[arg-type]
        if isinstance(self.sampler, data.RandomSampler):
            generator = torch.Generator().manual_seed(_draw())
            order = torch.randperm(len(order), generator=generator)
        size: int = self.batch_size  # type: ignore[assignment]
        first = self._fetch(order[:1])
        example = sum(tensor.nbytes for tensor in first)
        together = size * max(1, AT_ONCE // max(1, size * example))
        if any(tensor.requires_grad for tensor in first):
            together = size  # a graph of its own for each batch: backward goes through it once
        for rows in order.split(together):
            batches = self._fetch(rows)
            if together == size:
                yield batches
            else:
                yield from map(list, zip(*(tensor.split(size) for tensor in batches)))

    def _fetch(self, rows: torch.Tensor) -> list[torch.Tensor]:
        return self.collate_fn(self.dataset.__getitems__(rows))  # type: ignore[attr-defined]


def _draw() -> int:
    """A whole number from PyTorch's generator, drawn as its loaders draw their seeds."""
    return int(torch.empty((), dtype=torch.int64).random_())


class Batch:
    """A batch as tensors, which also reads as a sequence of examples, as other loaders expect."""

    def __init__(self, *tensors: torch.Tensor) -> None:
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)


def as_tensors(batch: Any) -> list[torch.Tensor]:
    """Collate a `Batch`: nothing is left to do."""
    return list(batch.tensors)


def pick(tensor: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Rows of a tensor; for bytes many times faster than `tensor[rows]`."""
    return tensor.index_select(0, rows.to(tensor.device))


class Rows(data.TensorDataset):
    """Tensors with equally many rows; row i of each is example i."""

    def __getitems__(self, indices: Any) -> Batch:
        rows = torch.as_tensor(indices)
        return Batch(*(pick(tensor, rows) for tensor in self.tensors))
