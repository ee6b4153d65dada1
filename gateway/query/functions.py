"""The functions a template may call, read from the reviewed list ``functions.txt``."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from functools import cache
from importlib.resources import files

ALLOWED = ("pure", "table", "clock", "volatile")
REASONS = {
    "machine": "it tells about the server, not about the data",
    "effects": "it changes or holds up something",
    "internal": "it is a part of the engine, not a documented function",
    "reads": "it reads something other than the declared tables, or changes settings",
}


class Volatility(IntEnum):
    """How long the answer of a query over unchanged data stays the same; a query has the highest of its functions."""

    IMMUTABLE = 0
    CLOCK = 1
    VOLATILE = 2


VOLATILITIES = {"clock": Volatility.CLOCK, "volatile": Volatility.VOLATILE}
AGE = "age"
"""The function that reads the clock with one argument, and with two does not."""
CLOCK_WORDS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
"""Names that read the clock without being called, where no column has them."""
MACHINE_WORDS = frozenset({"current_catalog", "current_role", "current_schema", "current_user", "session_user"})
"""Names that mean the session without being called, where no column has them."""

SESSION_WORDS = MACHINE_WORDS | {"user"}
"""All names that the engine takes for a function of the session where no column has them; of these, columns of people
are called ``user``, so that only the engine can tell what is meant."""


@cache
def reviewed() -> dict[str, str]:
    """Map the name of each reviewed function, in lower case, to its section of the list."""
    return dict(_read(files("gateway.query").joinpath("functions.txt").read_text(encoding="utf-8")))


@cache
def table_functions() -> frozenset[str]:
    """Return the names of the functions that may stand in FROM."""
    return frozenset(name for name, section in reviewed().items() if section == "table")


@cache
def allowed() -> tuple[str, ...]:
    """Return the names of all functions that a template may call."""
    return tuple(name for name, section in reviewed().items() if section in ALLOWED)


def _read(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif not line.startswith("#"):
            yield from ((name, section) for name in line.split())
