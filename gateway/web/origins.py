"""Pages on other origins: which may read answers (CORS), and which may show pages of the gateway in a frame (CSP)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ANYBODY = "*"
EXPOSED = (
    "Accept-Encoding",
    "Accept-Ranges",
    "Age",
    "Allow",
    "Cache-Status",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Location",
    "Content-Range",
    "Date",
    "Deprecation",
    "ETag",
    "Gateway-Bytes",
    "Gateway-Default",
    "Gateway-Engine",
    "Gateway-Files",
    "Gateway-More",
    "Gateway-Parameters",
    "Gateway-Partitions",
    "Gateway-Requests",
    "Gateway-Rows",
    "Gateway-Snapshot",
    "Gateway-Version",
    "Link",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Server-Timing",
    "Sunset",
    "Vary",
    "WWW-Authenticate",
    "X-Request-Id",
)
"""Response headers that scripts of an allowed origin may read, beside those that every origin may (Fetch standard)."""
PREFLIGHT: tuple[tuple[str, str], ...] = (
    ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
    (
        "Access-Control-Allow-Headers",
        "Authorization, X-Api-Key, Accept, Cache-Control, Content-Type, If-Match, If-Modified-Since, If-None-Match, "
        "If-Range, If-Unmodified-Since, Range, Request-Timeout, X-Request-Id, Traceparent, Tracestate, Baggage",
    ),
    ("Access-Control-Max-Age", "600"),
)
"""What a browser is answered that asks, for a page of an allowed origin, which requests it may send."""
_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?::(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """The origins whose scripts may read what is answered: those listed, or every one (``*``)."""

    origins: frozenset[str] = frozenset()

    @property
    def varies(self) -> bool:
        """Whether answers depend on the origin that asks."""
        return bool(self.origins) and ANYBODY not in self.origins

    def allowed(self, origin: str | None) -> str:
        """Return the origin that an answer names: the one that asks, ``*``, or nothing where it is not allowed."""
        if ANYBODY in self.origins:
            return ANYBODY
        return origin if origin is not None and origin in self.origins else ""

    def headers(self, origin: str | None) -> Iterator[tuple[str, str]]:
        """Return the headers of every answer to a page of *origin*; none where it is not allowed."""
        allowed = self.allowed(origin)
        if allowed:
            yield "Access-Control-Allow-Origin", allowed
            yield "Access-Control-Expose-Headers", ", ".join(EXPOSED)
        if allowed and self.varies:
            # For what stands in front and knows its own cookies. The gateway's counts on its own pages only.
            yield "Access-Control-Allow-Credentials", "true"


def framing(embed: Iterable[str]) -> str:
    """Write which pages may show one of the gateway's in a frame, as a directive of its policy (CSP).

    >>> framing([]), framing(["https://wiki.example"])
    ("frame-ancestors 'none'", 'frame-ancestors https://wiki.example')
    """
    return "frame-ancestors " + (" ".join(embed) or "'none'")


def read_origins(texts: Iterable[str]) -> tuple[str, ...]:
    """Check origins of settings, and write them as browsers do. Raises ``ValueError`` with all mistakes."""
    read = [(text, _origin(text)) for text in texts]
    wrong = [f"{text!r} is no origin: {_mistake(text)}" for text, origin in read if origin is None]
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(origin for _, origin in read if origin is not None)


def read_allowed(texts: Iterable[str]) -> tuple[str, ...]:
    """Check ``server.cors``: origins, or ``*`` alone. Raises ``ValueError``."""
    given = tuple(texts)
    if ANYBODY not in given:
        return read_origins(given)
    if len(given) > 1:
        raise ValueError("'*' stands alone: it is every origin already")
    return given


def _origin(text: str) -> str | None:
    match = _ORIGIN.fullmatch(text.lower())
    if match is None or not 0 < int(match["port"] or 1) < 65_536:
        return None
    port = int(match["port"] or _PORTS[match["scheme"]])
    return f"{match['scheme']}://{match['host']}" + ("" if port == _PORTS[match["scheme"]] else f":{port}")


def _mistake(text: str) -> str:
    """Tell what keeps a text from being an origin, and what to write."""
    plain = re.fullmatch(r"(https?://[^/?#*@\s]+)[/?#].*", text.lower(), re.ASCII)
    if plain is not None and _ORIGIN.fullmatch(plain[1]):
        return f"it has no path and no slash at its end: write {plain[1]}"
    if "*" in text:
        return "there are no wildcards: write each origin, such as https://dash.example"
    if text.lower() == "null":
        return "any page can send 'null': give the page an address of its own"
    if _ORIGIN.fullmatch(f"https://{text.lower()}"):
        return f"its scheme is missing: write https://{text.lower()}"
    if not text.isascii():
        return "write its host as browsers send it, in ASCII (xn--…)"
    return "write scheme, host and, unless it is the usual one, port, such as https://dash.example"
