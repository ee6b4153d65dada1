"""The end of a process: it leaves once its own work is done, without tearing the interpreter down."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import TextIO

_HURRIES = Event()
_FAILED = 1
_UNWRITTEN = 120
"""What Python itself ends with where its output could not be flushed."""


@contextmanager
def leaving() -> Iterator[None]:
    """Run the rest of a process; it then ends with the exit code of the body, as it would without this.

    Threads that are no daemons are joined and the functions of ``atexit`` called before. Only the teardown of the
    interpreter is left out: a thread that is inside of a library written in C++ is unwound there as soon as it wants
    Python's lock, which aborts the process ("terminate called without an active exception"). After ``wait_for_nobody``
    the threads are left alone too.
    """
    code = [_FAILED]  # of an exception that nobody catches
    atexit.register(_leave, code)  # the first to be registered is the last to be called
    try:
        yield
        code[0] = 0
    except SystemExit as end:
        code[0] = _number(end.code)
        if _HURRIES.is_set():
            _leave(code)
        raise


def wait_for_nobody() -> None:
    """Let this process end without its threads: one of them does what may not end for hours."""
    _HURRIES.set()


def _number(code: object) -> int:
    """Return the exit code for what ``sys.exit`` was given: a text is a message of a failure."""
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else _FAILED


def _leave(code: list[int]) -> None:
    written = [_flushed(stream) for stream in (sys.stdout, sys.stderr)]
    os._exit(code[0] if all(written) else _UNWRITTEN)


def _flushed(stream: TextIO | None) -> bool:
    """Write what a stream still holds; say so where that fails."""
    if stream is None or stream.closed:
        return True
    try:
        stream.flush()
    except OSError as error:
        if stream is not sys.stderr and sys.stderr is not None:
            sys.stderr.write(f"the output could not be written: {error.strerror}\n")
        return False
    return True
