"""Bodies that are made while they are sent, and what must be closed after them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from flask import Response

from gateway.errors import GatewayError
from gateway.model import Answer, Export, Unread
from gateway.web.context import record


@contextmanager
def closed_on_error(answer: Answer | Export | Unread) -> Iterator[None]:
    """End the work behind *answer* where no response comes of it."""
    try:
        yield
    except BaseException:
        _close(answer)
        raise


def closing_with(response: Response, answer: Answer | Export | Unread) -> Response:
    """End the work behind *answer* when the response has ended, or its client has left."""
    response.call_on_close(lambda: _close(answer))
    return response


def without_body(response: Response, answer: Answer | Export | Unread) -> Response:
    """End the work behind *answer*: nobody takes its rows."""
    _close(answer)
    return response


def counted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pass batches on, and tell the access record how many rows there were and which error ended them."""
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


def _close(answer: Answer | Export | Unread) -> None:
    if isinstance(answer, Export):
        answer.result.close()
