"""Training rows as a dataset of PyTorch. The one module that imports it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from query_gateway_client.training import Item, TrainingRows

_TENSORS = {
    pa.bool_(): torch.bool,
    pa.int8(): torch.int8,
    pa.int16(): torch.int16,
    pa.int32(): torch.int32,
    pa.int64(): torch.int64,
    pa.uint8(): torch.uint8,
    pa.float32(): torch.float32,
    pa.float64(): torch.float64,
}


class TorchRows(TrainingRows, IterableDataset):
    """Training rows for a ``DataLoader``; batches are dictionaries of tensors, and of lists where there is no tensor.

    The workers of a loader share the lanes. ``loader`` makes one whose order, and whose state, is the same for any
    number of workers. In a ``DataLoader`` of your own (``batch_size=None`` where the dataset makes batches) every row
    comes once too, but the order is the same only until the first lane ends: nobody there takes the gaps out.
    """

    def __iter__(self) -> Iterator[Any]:
        if (here := get_worker_info()) is None:
            return TrainingRows.__iter__(self)
        return (item.value for item in self.worker(here.id, here.num_workers) if item.after is not None)

    def converted(self, batch: pa.Table) -> Any:
        return {name: tensor(batch.column(name)) for name in batch.column_names}

    def loader(self, num_workers: int = 0, **options: Any) -> Loader:
        """Return a loader of so many workers; *options* are those of ``DataLoader``."""
        return Loader(self, num_workers, options)


class Loader:
    """Epochs, read by worker processes. ``dataset.state_dict()`` tells what was taken of it, not what was read."""

    def __init__(self, dataset: TorchRows, num_workers: int, options: dict[str, Any]) -> None:
        self.dataset = dataset
        self._num_workers = num_workers
        self._options = options

    def __iter__(self) -> Iterator[Any]:
        self.dataset.begin()
        told = _Items(self.dataset)
        for item in DataLoader(
            told, batch_size=None, num_workers=self._num_workers, collate_fn=_as_it_is, **self._options
        ):
            if item.after is not None:
                self.dataset.given(item)
                yield item.value
        self.dataset.set_epoch(self.dataset.epoch + 1)


class _Items(IterableDataset):
    """The items of a dataset with their positions, and the gaps."""

    def __init__(self, dataset: TorchRows) -> None:
        self._dataset = dataset

    def __iter__(self) -> Iterator[Item]:
        here = get_worker_info()
        return self._dataset.worker(0, 1) if here is None else self._dataset.worker(here.id, here.num_workers)


def _as_it_is(item: Item) -> Item:
    return item


def tensor(column: pa.ChunkedArray[Any]) -> Any:
    """Return a column as a tensor; as a list where its type has none, or it has NULL."""
    kind = _TENSORS.get(column.type)
    if kind is None or column.null_count:
        return column.to_pylist()
    whole = column.combine_chunks()
    if kind is torch.bool or not len(whole):
        return torch.tensor(whole.to_pylist(), dtype=kind)
    width = whole.type.bit_width // 8
    shared = torch.frombuffer(whole.buffers()[1], dtype=kind, count=len(whole), offset=whole.offset * width)
    return shared.clone()  # Arrow's memory is not to be written
