"""File names of results, for those who save them (RFC 6266)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from gateway.encode import Format
from gateway.web.bound_parameters import texts

_LONGEST_VALUE, _LONGEST = 32, 120
"""Characters of a parameter in a name, and bytes of a name without its ending: file systems take 255."""
_MIDNIGHT = re.compile(r"(?<=\d)T00:00:00(Z|\+00:00)?$")
_SHOWN = frozenset({"json"})
"""Formats that browsers show; the others they save."""


def content_disposition(query: str, version: int, parameters: Mapping[str, Any], chosen: Format) -> str:
    """Write ``Content-Disposition``: the query, its version and the parameters that have a value make the name.

    >>> csv = Format(name="csv", media_type="text/csv")
    >>> content_disposition("delays", 2, {"start": "2013-01-01T00:00:00", "city": "Köln", "top": None}, csv)
    'attachment; filename="delays_v2_2013-01-01_Koln.csv"; filename*=UTF-8\\'\\'delays_v2_2013-01-01_K%C3%B6ln.csv'
    """
    values = ("+".join(texts(value)) for value in parameters.values())
    stem = _shortened("_".join([query, f"v{version}", *filter(None, map(_word, values))]))
    name, plain = f"{stem}.{chosen.name}", f"{_ascii(stem)}.{chosen.name}"
    kind = "inline" if chosen.name in _SHOWN else "attachment"
    extended = "" if name == plain else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{kind}; filename="{plain}"{extended}'


def _word(value: str) -> str:
    """Keep letters, digits and what is harmless in names of files everywhere; a day for its midnight."""
    text = unicodedata.normalize("NFC", _MIDNIGHT.sub("", value[: 4 * _LONGEST_VALUE]))
    kept = "".join(character if _is_harmless(character) else "-" for character in text)
    return re.sub(r"-{2,}", "-", kept)[:_LONGEST_VALUE].rstrip("-.")


def _is_harmless(character: str) -> bool:
    return character in "-.+" or unicodedata.category(character)[0] in "LNM"


def _shortened(stem: str) -> str:
    return stem.encode()[:_LONGEST].decode(errors="ignore").rstrip("-._")


def _ascii(stem: str) -> str:
    """Write a name for clients that know ASCII only: letters without their marks, ``-`` for those of other scripts."""
    if stem.isascii():
        return stem
    return re.sub(r"-{2,}", "-", "".join(_plain(unicodedata.normalize("NFKD", stem))))


def _plain(decomposed: Iterable[str]) -> Iterable[str]:
    for character in decomposed:
        if character.isascii():
            yield character if character.isalnum() or character in "-.+_" else "-"
        elif not unicodedata.combining(character):
            yield "-"
