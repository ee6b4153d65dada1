"""Parses the transforms of a declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.catalog.transforms.base import Transform, TransformError
from gateway.catalog.transforms.calendar import DEFAULT_FORMATS, PARTS, Calendar, check_format, check_zone
from gateway.catalog.transforms.hashing import Bucket
from gateway.catalog.transforms.tables import DEFAULT, LookupTransform, Range
from gateway.catalog.transforms.values import Identity, Truncate
from gateway.suggestions import did_you_mean

CALENDAR = ("year", *DEFAULT_FORMATS, *PARTS)
KINDS = ("identity", *CALENDAR, "bucket", "truncate", "range", "lookup")
_FORM = re.compile(r"\s*([A-Za-z_]+)\s*(?:\[(?P<list>.*)\]|\{(?P<map>.*)\})?\s*", re.DOTALL)
_ITEM = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)'|([^,'\"]*?))\s*(,|$)")
_ENTRY = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)'|([^:,'\"]*?))\s*:\s*(?:\"([^\"]*)\"|'([^']*)'|([^,'\"]*?))\s*(,|$)")


def parse_transform(spec: object, *, format: str | None = None, zone: str | None = None) -> Transform:  # noqa: A002 - the name in the declaration
    """Make a transform from its declaration: a text, or a mapping with one key for those with arguments.

    ``format`` (strftime) and ``zone`` (IANA) are for calendar transforms. Raises ``TransformError``.

    >>> parse_transform("bucket[16]").name
    'bucket[16]'
    >>> parse_transform({"lookup": {"US": "america", "*": "other"}}).name
    'lookup{US: america, *: other}'
    """
    transform = _parse(spec)
    if not isinstance(transform, Calendar):
        for option, given in (("format", format), ("zone", zone)):
            if given is not None:
                raise TransformError(f"{option} says nothing about {transform.name}", f"for {', '.join(CALENDAR)}")
        return transform
    if format is not None:
        check_format(transform.unit, format)
    if zone is not None:
        check_zone(zone)
    return replace(transform, pattern=format, zone=zone or "UTC")


def _parse(spec: object) -> Transform:
    if isinstance(spec, Mapping):
        if len(spec) != 1:
            raise TransformError("a transform given as a mapping has exactly one key", "e.g. {bucket: 16}")
        kind, arguments = next(iter(spec.items()))
        return _make(str(kind), arguments)
    found = _FORM.fullmatch(spec) if isinstance(spec, str) else None
    if found is None:
        raise TransformError(f"not a transform: {spec!r}", "e.g. day, bucket[16], truncate[4], range[0, 100]")
    if found["list"] is not None:
        return _make(found[1], _items(found["list"]))
    return _make(found[1], _entries(found["map"]) if found["map"] is not None else None)


def _make(kind: str, arguments: Any) -> Transform:
    if kind not in KINDS:
        raise TransformError(f"unknown transform {kind!r}", did_you_mean(kind, KINDS) or f"known: {', '.join(KINDS)}")
    if kind in ("bucket", "truncate"):
        return _sized(kind, arguments)
    if kind == "range":
        return _range(arguments)
    if kind == "lookup":
        return _lookup(arguments)
    if arguments is not None:
        raise TransformError(f"{kind} takes no arguments")
    return Identity() if kind == "identity" else Calendar(kind)


def _sized(kind: str, arguments: Any) -> Transform:
    given = arguments[0] if isinstance(arguments, list) and len(arguments) == 1 else arguments
    text = str(given).strip()
    if isinstance(given, bool) or not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise TransformError(f"{kind} needs one whole number above 0", f"e.g. {kind}[16]")
    return Bucket(int(text)) if kind == "bucket" else Truncate(int(text))


def _range(arguments: Any) -> Range:
    if not isinstance(arguments, list) or not arguments:
        raise TransformError("range needs its bounds, ascending", "e.g. range[0, 100, 1000]")
    bounds = tuple(_text(bound) for bound in arguments)
    if any(not bound or ".." in bound for bound in bounds):
        raise TransformError("a bound of range is empty or has '..' in it")
    return Range(bounds)


def _lookup(arguments: Any) -> LookupTransform:
    if not isinstance(arguments, Mapping) or not arguments:
        raise TransformError("lookup needs its entries", "e.g. lookup{US: america, DE: europe, *: other}")
    entries = [(_text(source), _text(value)) for source, value in arguments.items()]
    if any(not value for _, value in entries):
        raise TransformError("a lookup maps to an empty text")
    return LookupTransform(tuple(sorted(entries, key=lambda entry: entry[0] == DEFAULT)))


def _text(value: Any) -> str:
    """Return a YAML scalar as the text that stands for it. Raises ``TransformError`` for YAML's accidents."""
    if isinstance(value, bool) or value is None:
        raise TransformError(f"YAML reads this as {value}", "quote it, e.g. 'NO'")
    if isinstance(value, list | dict):
        raise TransformError("bounds and entries are single values")
    return str(value)


def _items(text: str) -> list[str]:
    """Split ``a, 'b, c'`` at the commas outside quotes."""
    items: list[str] = []
    at = 0
    while True:
        found = _ITEM.match(text, at)
        if found is None:
            raise TransformError(f"cannot read the list [{text}]", "quote texts that hold a comma or a quote")
        items.append(next(group for group in found.groups()[:3] if group is not None))
        if not found[4]:
            return items
        at = found.end()


def _entries(text: str) -> dict[str, str]:
    """Split ``a: x, 'b': y`` into pairs."""
    entries: dict[str, str] = {}
    at = 0
    while True:
        found = _ENTRY.match(text, at)
        if found is None:
            raise TransformError(f"cannot read the entries {{{text}}}", "write key: value, and quote special marks")
        groups = found.groups()
        source = next(group for group in groups[:3] if group is not None)
        if source in entries:
            raise TransformError(f"the entry {source!r} stands twice")
        entries[source] = next(group for group in groups[3:6] if group is not None)
        if not groups[6]:
            return entries
        at = found.end()
