"""Infers how the levels of a table derive from its columns.

A transform is proposed only where every file that was looked at agrees with it: the product's own transform gives the
folder of a file for the bounds in its footer, and where it keeps order so for all rows between them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.catalog.store import Store
from gateway.catalog.stored import folded
from gateway.catalog.transforms import Calendar, Identity, Transform, Truncate
from gateway.catalog.transforms.keys import KeyKind, key_type
from gateway.discovery.evidence import Evidence, Verdict
from gateway.discovery.folder_types import decodes
from gateway.discovery.found import Folder, FoundLevel, Sample
from gateway.discovery.sized import bucket, foreign_bucket, truncation
from gateway.discovery.spellings import calendars
from gateway.model import Column

_COARSER = {"month": "year", "day": "month", "hour": "day"}
_IDENTICAL = frozenset({KeyKind.INTEGER, KeyKind.VARCHAR, KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.UUID})
"""Types by whose values a level of another name may be recognised: two values in all, or fractions, say too little."""
_ROWS = 20
"""Rows that must agree before a number is taken for the same number elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """One way in which a level derives, that no sampled file contradicts."""

    level: str
    column: Column
    transform: Transform
    proven: int
    """Files whose footers alone show it for all their rows."""
    bounded: int
    """Files whose least and greatest values agree, which says nothing of the rows between."""
    looked_at: int
    """Files whose values agree."""


def infer_levels(
    store: Store, folder: Folder, samples: Sequence[Sample], columns: Sequence[Column]
) -> tuple[FoundLevel, ...]:
    """Return each level, and what it derives from where all *samples* agree. Raises ``StorageFailed``."""
    evidence = Evidence(store, folder, samples, columns)
    held = {folded(column.name): column for column in columns}
    free = [level for level in folder.levels if folded(level) not in held]
    ways = _derivations(evidence, folder, free)
    chosen = _chosen(evidence, folder, ways)
    total = folder.data.num_rows
    found = []
    for level in folder.levels:
        own = held.get(folded(level))
        if own is not None:
            found.append(_held(evidence, level, own, total))
        elif level in chosen:
            found.append(_found(chosen[level], total))
        else:
            found.append(FoundLevel(column=level, source=level, remark=_remark(evidence, folder, level, ways)))
    return tuple(found)


def _held(evidence: Evidence, level: str, column: Column, total: int) -> FoundLevel:
    """Compare a level with the column of the same name in the files."""
    found = FoundLevel(column=level, source=column.name, enforced=False)
    own = _derivation(evidence, level, column, Identity(), ordered=True)
    if own is not None:
        return replace(found, evidence=_words(own, total))
    return replace(found, remark="the files hold this column, and it was not found to be what their folders say")


def _derivations(evidence: Evidence, folder: Folder, levels: Sequence[str]) -> list[Derivation]:
    """Try every derivation of every level; parts of a calendar after the units that they complete."""
    found: list[Derivation] = []
    for level in levels:
        found += _whole(evidence, level, folder.values_of(level))
    for unit, coarser in _COARSER.items():
        for level in levels:
            parts = [each for each in calendars(folder.values_of(level)) if each.repeats and each.part == unit]
            within = {id(each.column): each.column for each in found if _part(each) == coarser and each.level != level}
            for column in within.values():
                for part in (each for each in parts if each.accepts(column.type)):
                    own = _derivation(evidence, level, column, part, ordered=True)
                    found += [own] if own is not None else []
    return found


def _part(derivation: Derivation) -> str | None:
    return derivation.transform.part if isinstance(derivation.transform, Calendar) else None


def _whole(evidence: Evidence, level: str, texts: Sequence[str]) -> Iterator[Derivation]:
    """Yield the derivations of a level that need no other level, the likeliest kinds first."""
    units = [each for each in calendars(texts) if not each.repeats]
    distinct = len(texts)
    for column in evidence.columns:
        tried = (
            _derivation(evidence, level, column, each, ordered=True) for each in units if each.accepts(column.type)
        )
        found = next((each for each in tried if each is not None), None)
        if found is None and distinct > 1:
            found = _same_values(evidence, level, texts, column) or _sized(evidence, level, texts, column)
        if found is not None:
            yield found


def _same_values(evidence: Evidence, level: str, texts: Sequence[str], column: Column) -> Derivation | None:
    kind = key_type(column.type)
    if kind is None or kind.kind not in _IDENTICAL or not decodes(column.type, texts):
        return None
    if kind.kind is KeyKind.INTEGER and sum(sample.rows for sample, _ in evidence.with_level(level)) < _ROWS:
        return None
    return _derivation(evidence, level, column, Identity(), ordered=True)


def _sized(evidence: Evidence, level: str, texts: Sequence[str], column: Column) -> Derivation | None:
    cut = truncation(evidence, level, texts, column)
    if cut is not None:
        return _derivation(evidence, level, column, cut, ordered=True)
    hashed = bucket(evidence, level, texts, column)
    return None if hashed is None else _derivation(evidence, level, column, hashed, ordered=False)


def _derivation(
    evidence: Evidence, level: str, column: Column, transform: Transform, *, ordered: bool
) -> Derivation | None:
    """Compare a transform with every sampled file; None where one contradicts, or none says anything."""
    verdicts = []
    for sample, text in evidence.with_level(level):
        verdicts.append((verdict := evidence.by_bounds(transform, column, sample, text, ordered=ordered), sample, text))
        if verdict is Verdict.CONTRADICTS:
            return None
    unknown = [(sample, text) for verdict, sample, text in verdicts if verdict is Verdict.UNKNOWN]
    agreeing = [(sample, text) for verdict, sample, text in verdicts if verdict is Verdict.AGREES]
    looked_at = 0
    for sample, text in [*unknown, *evidence.few(agreeing)]:
        verdict = evidence.by_values(transform, column, sample, text)
        if verdict is Verdict.CONTRADICTS:
            return None
        looked_at += verdict is Verdict.AGREES
    proven = len(verdicts) - len(unknown) - len(agreeing)
    if not proven and not looked_at:
        return None
    return Derivation(
        level=level, column=column, transform=transform, proven=proven, bounded=len(agreeing), looked_at=looked_at
    )


def _chosen(evidence: Evidence, folder: Folder, found: Sequence[Derivation]) -> dict[str, Derivation]:
    """Choose one derivation a level; none where columns that differ explain it equally well.

    Raises ``StorageFailed``.
    """
    chosen = {}
    for level in folder.levels:
        best = _likeliest([each for each in found if each.level == level], found)
        if best and all(_alike(evidence, best[0], other) for other in best[1:]):
            chosen[level] = best[0]
    return {level: each for level, each in chosen.items() if _stands(folder, each, chosen)}


def _likeliest(ways: Sequence[Derivation], found: Sequence[Derivation]) -> list[Derivation]:
    """List the derivations of a level that nothing tells apart, in the order of the columns.

    First comes the kind that serves most filters, then the column that explains most levels, then the one whose name
    has most in common with that of the level.
    """
    explained = Counter(each.column.name for each in found)

    def rank(each: Derivation) -> tuple[int, int, int]:
        return _kind(each.transform), -explained[each.column.name], -_common(each.level, each.column.name)

    least = min(map(rank, ways), default=None)
    return [each for each in ways if rank(each) == least]


def _remark(evidence: Evidence, folder: Folder, level: str, ways: Sequence[Derivation]) -> str | None:
    """Say why nothing is proposed for a level, where that is known. Raises ``StorageFailed``."""
    undecided = _undecided(_likeliest([each for each in ways if each.level == level], ways))
    texts = folder.values_of(level)
    return undecided or (foreign_bucket(evidence, level, texts) if len(texts) > 1 else None)


def _undecided(ways: Sequence[Derivation]) -> str | None:
    """Say that several columns explain a level."""
    if len(ways) < 2:
        return None
    names = " and ".join(f"{each.transform.name} of {each.column.name}" for each in ways)
    return f"{names} agree with all files that were looked at: declare the one that their writer goes by"


def _alike(evidence: Evidence, one: Derivation, other: Derivation) -> bool:
    """Return whether it does not matter by which of two columns a level is derived."""
    return not isinstance(one.transform, Calendar) or evidence.same_days(one.column, other.column)


def _stands(folder: Folder, each: Derivation, chosen: dict[str, Derivation]) -> bool:
    """Return whether the units that a part completes are chosen, of the same column, in all of its layouts."""
    if not isinstance(each.transform, Calendar) or not each.transform.repeats:
        return True
    coarser = _COARSER[each.transform.part]
    for layout in folder.layouts:
        beside = [chosen[name] for name in layout if name in chosen and chosen[name].column == each.column]
        if each.level in layout and not any(
            _part(other) == coarser and _stands(folder, other, chosen) for other in beside
        ):
            return False
    return True


def _kind(transform: Transform) -> int:
    order = (Calendar, Identity, Truncate)
    return next((number for number, kind in enumerate(order) if isinstance(transform, kind)), len(order))


def _common(level: str, column: str) -> int:
    """Count the words that two names have in common."""
    return len(_name_words(level) & _name_words(column))


def _name_words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)}


def _found(each: Derivation, total: int) -> FoundLevel:
    pattern = each.transform.pattern if isinstance(each.transform, Calendar) else None
    return FoundLevel(
        column=each.level,
        source=each.column.name,
        transform=each.transform.name,
        format=pattern,
        evidence=_words(each, total),
        enforced=False,
    )


def _words(each: Derivation, total: int) -> str:
    """Say what a guess rests on."""
    looked = [
        *([f"the footers of {each.proven}"] if each.proven else []),
        *([f"the bounds of {each.bounded}"] if each.bounded else []),
        *([f"values of {each.looked_at}"] if each.looked_at else []),
    ]
    return f"{', '.join(looked)} of {total} files were looked at, and agree"
