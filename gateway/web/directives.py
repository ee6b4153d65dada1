"""Request directives of ``Cache-Control``, parsed leniently (RFC 9111)."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.answer import Directives

_MAX = 2**31


def read_directives(values: Iterable[str]) -> Directives:
    """Read the values of all ``Cache-Control`` headers; what is unknown or not valid is ignored.

    >>> read_directives(["max-age=5, no-transform"])
    Directives(no_cache=False, no_store=False, only_if_cached=False, max_age=5.0)
    """
    found: dict[str, str] = {}
    for part in ",".join(values).split(","):
        name, _, argument = part.strip().partition("=")
        found.setdefault(name.lower(), argument.strip().strip('"'))
    age = found.get("max-age", "")
    return Directives(
        no_cache="no-cache" in found,
        no_store="no-store" in found,
        only_if_cached="only-if-cached" in found,
        max_age=float(min(int(age), _MAX)) if age.isascii() and age.isdecimal() and len(age) <= 20 else None,
    )
