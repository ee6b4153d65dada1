"""String literals that fail as the type the engine takes them for, such as ``'now'`` for a TIMESTAMP.

The engine's plan has the casts that it adds (``ts < 'now'`` becomes ``ts < CAST('now' AS TIMESTAMP)``); those that are
written are in the text. Each is tried by itself: no expression of the query is computed, which could take any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gateway.engine.binder import Binder
from gateway.engine.instance import quoted
from gateway.engine.refusals import Unbindable
from gateway.model import TypedValue
from gateway.query.literals import has_texts, parts_of_dates, patterns, positions, written_casts
from gateway.query.sql import parse_tokens, statement_tokens

_CLOCK = {
    "now": "write now(), or CAST(now() AS …)",
    "today": "write current_date",
    "tomorrow": "write current_date + 1",
    "yesterday": "write current_date - 1",
}
_OTHERWISE = "write a value of that type, or TRY_CAST(… AS …), which makes NULL of it"


def misfits(binder: Binder, sql: str, parameters: Mapping[str, TypedValue]) -> Iterator[Unbindable]:
    """List the texts in *sql* that fail as what they are taken for, with the place of each."""
    tokens = statement_tokens(sql)
    if not has_texts(tokens):
        return
    tree = parse_tokens(sql, tokens)
    for text, type_ in dict.fromkeys([*binder.planned_casts(sql, parameters), *written_casts(tree)]):
        if binder.fails(f"CAST({quoted(text)} AS {type_})"):
            hint = _CLOCK.get(text.strip().lower(), _OTHERWISE)
            yield from _refusals(text, f"is no {type_}", hint, positions(tokens, tree, text))
    for text in dict.fromkeys(parts_of_dates(tokens)):
        if binder.fails(f"date_part({quoted(text)}, TIMESTAMP '2000-01-01')"):
            hint = "write 'year', 'month', 'day', 'hour' or another part"
            yield from _refusals(text, "is no part of a date", hint, positions(tokens, tree, text))
    for text in dict.fromkeys(patterns(tree)):
        if binder.fails(f"regexp_matches('', {quoted(text)})"):
            hint = "put a backslash before what stands for itself"
            yield from _refusals(text, "is no regular expression", hint, positions(tokens, tree, text))


def _refusals(text: str, what: str, hint: str, places: Iterable[int]) -> Iterator[Unbindable]:
    for position in places:
        yield Unbindable(f"{quoted(text[:60])} {what}", hint=hint, offset=position)
