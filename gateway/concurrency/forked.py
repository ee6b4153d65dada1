"""What a process that another started does with itself: its name, its end, the signals that it leaves to others."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


@contextmanager
def last_words() -> Iterator[None]:
    """End a forked process with this context, whatever ends it; what is unexpected is written to standard error."""
    code = 1
    try:
        yield
        code = 0
    finally:
        if (error := sys.exc_info()[1]) is not None:
            sys.excepthook(type(error), error, error.__traceback__)
            sys.stderr.flush()
        os._exit(code)


def die_with(parent: int) -> None:
    """End this process with the thread of *parent*, a process, that started it; on Linux only."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def die_quietly() -> None:
    """Leave the signals that end a server to the server, which ends this process when it is done."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


def named(name: str) -> None:
    """Name this process, for those who look at it with ``ps``: 15 characters at most."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)
