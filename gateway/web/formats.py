"""Format negotiation: the suffix decides, then ``_format``, then ``Accept``."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.encode import EXTRAS, FORMATS, Format
from gateway.encode.csv import DELIMITERS
from gateway.errors import MalformedRequest, NotAcceptable, quoted
from gateway.streaming import CsvDialect
from gateway.suggestions import did_you_mean
from gateway.web.accept import choose

CSV_OPTIONS = ("_bom", "_delimiter")
TRUTH = {"true": True, "1": True, "false": False, "0": False}
"""How an option that is true or false is written."""
FORMS = ("arrow", "parquet", "ndjson", "csv")
"""Formats of a split: those that are written row by row, the first where nothing is asked for."""
SHAPES = ("objects", "columns", "arrays", "cells")


def choose_format(suffix: str | None, option: str | None, accept: str) -> Format:
    """Choose a format. Raises ``NotAcceptable`` with those that there are."""
    if suffix is not None and option is not None and suffix != option:
        raise MalformedRequest(
            f"The address asks for {quoted(suffix)}, _format for {quoted(option)}.", option="_format"
        )
    named = suffix if suffix is not None else option
    if named is not None:
        if named in EXTRAS and named not in FORMATS:
            raise _unavailable(f"This gateway has no {named}: its operator has not installed what writes it.")
        if named not in FORMATS:
            hint = did_you_mean(named, FORMATS)
            raise _unavailable(f"No format is named {quoted(named)}" + (f"; {hint}" if hint else "."))
        return FORMATS[named]
    return _accepted(accept)


def choose_form(option: str | None, accept: str) -> Format:
    """Choose the format of a split. Raises ``NotAcceptable`` with those that there are."""
    types = {form: FORMATS[form].media_type for form in FORMS}
    name = option if option is not None else choose(accept if accept.strip() else "*/*", types)
    if name not in FORMS:
        available = [{"format": form, "media_type": media_type} for form, media_type in types.items()]
        raise NotAcceptable(f"A split is one of {', '.join(FORMS)}.", available=available)
    return FORMATS[name]


def choose_shape(option: str | None, chosen: Format) -> str:
    """Choose how JSON lays out rows. Raises ``MalformedRequest``."""
    if option is None:
        return SHAPES[0]
    if chosen.name != "json":
        raise MalformedRequest(f"_shape is for JSON only, and the format is {chosen.name}.", option="_shape")
    if option not in SHAPES:
        raise MalformedRequest(f"_shape is one of {', '.join(SHAPES)}.", option="_shape")
    return option


def choose_dialect(options: Mapping[str, str], chosen: Format) -> CsvDialect:
    """Choose how CSV is written, by ``_delimiter`` and ``_bom``. Raises ``MalformedRequest``."""
    for name in CSV_OPTIONS:
        if name in options and chosen.name != "csv":
            raise MalformedRequest(f"{name} is for CSV only, and the format is {chosen.name}.", option=name)
    delimiter, mark = options.get("_delimiter", ","), options.get("_bom", "false").lower()
    if DELIMITERS.get(delimiter, delimiter) not in DELIMITERS.values():
        raise MalformedRequest(f"_delimiter is one of {', '.join(DELIMITERS)}.", option="_delimiter")
    if mark not in TRUTH:
        raise MalformedRequest("_bom is true or false.", option="_bom")
    return CsvDialect(delimiter=DELIMITERS.get(delimiter, delimiter), spreadsheet=TRUTH[mark])


def _accepted(accept: str) -> Format:
    if not accept.strip():
        return FORMATS["json"]
    best = choose(accept, {known.name: known.media_type for known in FORMATS.values()})
    if best is None:
        raise _unavailable("None of the types in Accept can be had.")
    return FORMATS[best]


def _unavailable(detail: str) -> NotAcceptable:
    available = [{"format": known.name, "media_type": known.media_type} for known in FORMATS.values()]
    return NotAcceptable(detail, available=available)
