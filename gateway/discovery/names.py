"""Names of tables, made of the names of their folders."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence

from gateway.catalog.stored import KEYWORDS
from gateway.catalog.table import NOT_TABLES
from gateway.query.keywords import FOLDED

_LONGEST = 60


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ORDINARY = _words(
    """
    action attribute class comment content cost data database day days delta document domain event extension file
    function header hour hours import index key label language level location mapping match method minute minutes mode
    month months name names object operator option options owner parameter path policy process program quarter region
    resource role rule schema second seconds sequence server session source start state statistics status storage
    summary tag target text time transaction type types value version view week weeks year years zone
    """
)
"""Words of the grammar that are read as names wherever names stand."""
CLOCKS = _words("current_date current_time current_timestamp localtime localtimestamp")
"""Names that stand for the time of a query, also in quotes."""
SPECIAL = (KEYWORDS | FOLDED | CLOCKS) - _ORDINARY
"""Words that are not, or not everywhere, read as names without quotes."""


def plain_name(text: str, fallback: str = "data") -> str:
    """Write a text as a name of small ASCII letters, digits and ``_`` that starts with a letter and is no other word.

    >>> plain_name("Événements 2024"), plain_name("2024.sales"), plain_name("Order"), plain_name("日本")
    ('evenements_2024', 'data_2024_sales', 'order_data', 'data')
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")[:_LONGEST].strip("_")
    if not name:
        return fallback
    if not name[0].isalpha():
        name = f"{fallback}_{name}"
    return f"{name}_{fallback}" if name in SPECIAL | NOT_TABLES else name


def table_names(folders: Sequence[str], location: str, taken: Collection[str] = ()) -> list[str]:
    """Name the table of each folder by the fewest last parts of its path that tell it from the others.

    ``""`` is the location itself. What no parts tell apart, or is *taken*, gets a number.

    >>> table_names(["eu/orders", "us/orders", "eu/users", "x/a b", "x/a-b"], "s3://lake")
    ['eu_orders', 'us_orders', 'users', 'a_b', 'a_b_2']
    """
    whole = [part for part in (location.partition("://")[2] or location).split("/") if part]
    parts = [folder.split("/") if folder else whole[-1:] for folder in folders]
    names = [_joined(path, 1) for path in parts]
    for name, count in Counter(names).items():
        if count > 1:
            alike = [number for number, other in enumerate(names) if other == name]
            for number, longer in zip(alike, _told_apart([parts[number] for number in alike]), strict=True):
                names[number] = longer
    return _numbered(names, taken)


def _told_apart(paths: Sequence[Sequence[str]]) -> list[str]:
    """Name paths by as many last parts as tell them apart; by the last alone where none do."""
    for depth in range(2, max(map(len, paths)) + 1):
        names = [_joined(path, depth) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [_joined(path, 1) for path in paths]


def _joined(path: Sequence[str], depth: int) -> str:
    return plain_name("_".join(path[-depth:]))


def _numbered(names: Sequence[str], taken: Collection[str]) -> list[str]:
    used = set(taken)
    found = []
    for name in names:
        number, candidate = 1, name
        while candidate in used:
            number += 1
            candidate = f"{name}_{number}"
        used.add(candidate)
        found.append(candidate)
    return found
