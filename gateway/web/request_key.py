"""The key of a repeated request: requests with equal keys get the same response from Flask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from gateway.access.base import CREDENTIALS
from gateway.web.proxies import below

Key = tuple[Any, ...]
"""A request as far as its answer may depend on it: method, target, surroundings, headers."""
Pair = tuple[bytes, bytes]

KEY = "gateway.key"
"""Where a scope, and the WSGI environment made of it, hold the key of a request whose response may be kept."""

_PREFIX = "/v1/queries/"
_METHODS = frozenset({"GET", "HEAD"})
_UNKEPT = frozenset(
    {b"cache-control", b"expect", b"if-match", b"if-modified-since", b"if-range", b"if-unmodified-since"}
    | {b"range", b"request-timeout", b"te", b"upgrade"}
)
"""Headers whose requests Flask answers each time."""
_CREDENTIALS = frozenset(name.encode() for name in CREDENTIALS)
_IGNORED = (_CREDENTIALS - {b"host"}) | {  # the caller is identified at each hit
    b"accept-language",
    b"connection",
    b"dnt",
    b"forwarded",
    b"keep-alive",
    b"origin",  # what of it matters is among the surroundings, as with the prefix
    b"priority",
    b"referer",
    b"sec-ch-ua",
    b"sec-ch-ua-mobile",
    b"sec-ch-ua-platform",
    b"sec-fetch-dest",
    b"sec-fetch-mode",
    b"sec-fetch-user",
    b"traceparent",
    b"tracestate",
    b"user-agent",
    b"via",
    b"x-amzn-trace-id",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
    b"x-forwarded-proto",
    b"x-forwarded-server",
    b"x-real-ip",
    b"x-request-id",
}
"""Headers that no answer depends on."""


class Surroundings(NamedTuple):
    """What of the way from the client an answer depends on."""

    prefix: str
    """The path prefix under which the client sees the gateway."""
    origin: str
    """The origin whose page may read the answer: nothing where that makes no difference."""


NO_SURROUNDINGS = Surroundings("", "")


def request_key(
    method: str, target: str, headers: Iterable[Pair], *, body: bool, around: Surroundings = NO_SURROUNDINGS
) -> Key | None:
    """Return the key of a request; None where its response is not kept. Names of *headers* are in lower case."""
    target = below(target, around.prefix)
    if body or method not in _METHODS or not target.startswith(_PREFIX):
        return None
    relevant = [pair for pair in headers if pair[0] not in _IGNORED]
    if any(name in _UNKEPT for name, _ in relevant):
        return None
    return (method, target, around, *relevant)


def field_value(headers: Iterable[Pair], name: bytes) -> str | None:
    """Return a header field as a WSGI environment has it, None where it is absent. Names are in lower case."""
    values = [value for given, value in headers if given == name]
    return b",".join(values).decode("latin-1") if values else None


def credentials(headers: Iterable[Pair]) -> dict[str, str] | None:
    """Return the headers that identify the caller, None where one of them comes twice."""
    given = [pair for pair in headers if pair[0] in _CREDENTIALS]
    found = {name.decode(): value.decode("latin-1") for name, value in given}
    return found if len(found) == len(given) else None
