"""The text of whose query a thread is busy, for what is done on its behalf by other processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ORIGIN: ContextVar[str] = ContextVar("origin", default="")


def origin() -> str:
    """Return the text on whose behalf this thread works (``BoundQuery.origin``); empty: none."""
    return _ORIGIN.get()


@contextmanager
def on_behalf_of(text: str) -> Iterator[None]:
    """Work for *text* within this context."""
    token = _ORIGIN.set(text)
    try:
        yield
    finally:
        _ORIGIN.reset(token)
