"""Format negotiation: the suffix decides, then ``_format``, then ``Accept``."""

from __future__ import annotations

from werkzeug.datastructures import MIMEAccept

from gateway.encode import FORMATS, Format
from gateway.errors import MalformedRequest, NotAcceptable, did_you_mean, quoted

SHAPES = ("objects", "columns", "arrays")


def choose_format(suffix: str | None, option: str | None, accept: MIMEAccept) -> Format:
    """Choose a format. Raises ``NotAcceptable`` with those that there are."""
    if suffix is not None and option is not None and suffix != option:
        raise MalformedRequest(
            f"The address asks for {quoted(suffix)}, _format for {quoted(option)}.", option="_format"
        )
    named = suffix if suffix is not None else option
    if named is not None:
        if named not in FORMATS:
            hint = did_you_mean(named, FORMATS)
            raise _unavailable(f"No format is named {quoted(named)}" + (f"; {hint}" if hint else "."))
        return FORMATS[named]
    return _accepted(accept)


def choose_shape(option: str | None, chosen: Format) -> str:
    """Choose how JSON lays out rows. Raises ``MalformedRequest``."""
    if option is None:
        return SHAPES[0]
    if chosen.name != "json":
        raise MalformedRequest(f"_shape is for JSON only, and the format is {chosen.name}.", option="_shape")
    if option not in SHAPES:
        raise MalformedRequest(f"_shape is one of {', '.join(SHAPES)}.", option="_shape")
    return option


def _accepted(accept: MIMEAccept) -> Format:
    if not accept:
        return FORMATS["json"]
    by_type = {known.media_type.partition(";")[0]: known for known in FORMATS.values()}
    best = accept.best_match(list(by_type))
    if best is None:
        raise _unavailable("None of the types in Accept can be had.")
    return by_type[best]


def _unavailable(detail: str) -> NotAcceptable:
    available = [{"format": known.name, "media_type": known.media_type} for known in FORMATS.values()]
    return NotAcceptable(detail, available=available)
