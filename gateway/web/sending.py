"""Streamed bodies, and closing the work behind them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from gateway.answer import Answer, Export, Unread
from gateway.errors import GatewayError
from gateway.web.context import record


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


def resumed(head: list[bytes], rest: Iterator[bytes]) -> Generator[bytes]:
    """Yield what was pulled, then the rest; the encoder is closed when the client is gone."""
    try:
        yield from head
        yield from rest
    finally:
        close = getattr(rest, "close", None)
        if close is not None:
            close()
