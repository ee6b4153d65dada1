"""Streamed bodies, and closing the work behind them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import pyarrow as pa

from gateway.answer import Answer, Export, Unread
from gateway.errors import GatewayError
from gateway.streaming import Chunk, Form
from gateway.web.context import record

Piece = TypeVar("Piece", bytes, Chunk)


@contextmanager
def closed_on_error(answer: Answer | Export | Unread) -> Iterator[None]:
    """End the work behind *answer* where no response comes of it."""
    try:
        yield
    except BaseException:
        close(answer)
        raise


def close(answer: Answer | Export | Unread) -> None:
    """End the work behind *answer*: nobody takes more of its rows. Idempotent."""
    if isinstance(answer, Export):
        answer.result.close()


def counted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches, noting their rows and the error that ended them in the access record."""
    noted = record()
    noted.rows = 0
    try:
        for batch in batches:
            noted.rows += batch.num_rows
            yield batch
    except GatewayError as error:
        noted.error = error.code
        raise


def written(write: Callable[[Form, Callable[[int], None]], Iterator[Chunk]], form: Form) -> Generator[Chunk]:
    """Yield rows that are written elsewhere, noting how many and the error that ended them in the access record."""
    noted = record()

    def note(rows: int) -> None:
        noted.rows = rows

    try:
        yield from write(form, note)
    except GatewayError as error:
        noted.error = error.code
        raise


def resumed(head: list[Piece], rest: Generator[Piece]) -> Generator[Piece]:
    """Yield what was pulled, then the rest; the encoder is closed when the client is gone."""
    with closing(rest):
        yield from head
        yield from rest
