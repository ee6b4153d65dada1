"""HTTP/1 checks beyond gunicorn's, the same for both kinds of worker.

``RequestReader`` parses for the event loop; ``check_fields`` checks what the worker with threads has parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from gunicorn.asgi.parser import InvalidHeader, InvalidHTTPVersion, LimitRequestHeaders, PythonProtocol

from gateway.errors import MalformedRequest
from gateway.web.problems import CodingUnknown, ExpectationFailed

LATEST = (1, 1)
"""The version of HTTP that later ones of the same major version are read as (RFC 9110, section 2.5)."""
_LATER = re.compile(r"HTTP/1\.[2-9]")
_HOST = r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)"
_AUTHORITY = rf"{_HOST}(?::[0-9]*)?"
_ABSOLUTE = re.compile(rf"(?i:https?)://(?P<authority>{_AUTHORITY})(?P<path>/[^?]*)?(?P<query>\?.*)?")
_NAMED = re.compile(_AUTHORITY)
_ACCEPT = re.compile(rb"(?:^|\r\n)accept:[ \t]*([^\r\n]*)\r\n", re.IGNORECASE)
_CHECKED = frozenset({b"expect", b"host", b"transfer-encoding"})
HEAD = 2**16
"""Bytes of a request that cannot be parsed in which its fields are looked for."""
_LISTED_ONCE = b"content-type"
"""A field that trailers may have, but not twice."""


def origin_form(target: str) -> str:
    """Return the path and the query of a target (RFC 9112, section 3.2); ``*`` and an authority are returned as given.

    Raises ``MalformedRequest`` for a fragment, and for an address that is none of HTTP.

    >>> origin_form("http://gateway.example:8080/v1/queries?a=1")
    '/v1/queries?a=1'
    >>> origin_form("https://[::1]?a=1")
    '/?a=1'
    """
    if "#" in target:
        raise MalformedRequest("The target of a request has no fragment.")
    if target.startswith("/") or "://" not in target:
        return target
    address = _ABSOLUTE.fullmatch(target)
    if address is None:
        raise MalformedRequest("The target of the request is no address of HTTP.")
    return (address["path"] or "/") + (address["query"] or "")


def authority(target: str) -> str | None:
    """Return the host and port that a target names, which its ``Host`` gives way to (RFC 9112, section 3.2.2).

    >>> authority("http://gateway.example:8080/v1/queries?a=1"), authority("/v1/queries")
    ('gateway.example:8080', None)
    """
    address = None if target.startswith("/") else _ABSOLUTE.fullmatch(target)
    return None if address is None else address["authority"]


def check_fields(fields: Collection[tuple[str, str]], version: tuple[int, int]) -> None:
    """Refuse what fields, with lower-case names, ask of a server that it does not do, and a ``Host`` that is none.

    Raises ``MalformedRequest``, also where HTTP/1.1 names no ``Host``, ``ExpectationFailed`` and ``CodingUnknown``.
    """
    if version >= LATEST and all(name != "host" for name, _ in fields):
        raise MalformedRequest("A request of HTTP/1.1 names its Host.")
    for name, value in fields:
        if name == "host" and _NAMED.fullmatch(value) is None:
            raise MalformedRequest("The Host of the request is no host.")
        if name == "expect" and value.lower() != "100-continue":
            raise ExpectationFailed("The only expectation that this server knows is 100-continue.")
        if name == "transfer-encoding" and value.lower() != "chunked":
            raise CodingUnknown("The only transfer coding that this server reads is chunked.")


def accept_in(received: bytes) -> str | None:
    """Find ``Accept`` in the bytes of a request that cannot be parsed, as far as they came.

    >>> accept_in(b"GET /... HTTP/1.1\\r\\nhost: a\\r\\naccept: text/html\\r\\n\\r\\n"), accept_in(b"GET /...")
    ('text/html', None)
    """
    found = _ACCEPT.search(received.partition(b"\r\n\r\n")[0] + b"\r\n")
    return None if found is None else found[1].decode("latin-1")


def says_close(values: Iterable[str]) -> bool:
    """Tell whether the values of ``Connection`` fields have the option that ends it, alone or among others.

    >>> says_close(["TE, Close"]), says_close(["disclosed"])
    (True, False)
    """
    return any(option.strip(" \t").lower() == "close" for value in values for option in value.split(","))


class RequestReader(PythonProtocol):
    """Reads the requests of a connection from its bytes, as the worker of threads does.

    Raises what gunicorn's own reader does, and errors of the gateway.
    """

    path: bytes
    http_version: tuple[int, int]
    _buffer: bytearray
    _headers_list: list[tuple[bytes, bytes]]
    _chunk_state: str
    _limit_request_field_size: int
    _is_valid_token: Callable[[bytes], bool]
    _has_invalid_header_chars: Callable[[bytes], bool]

    def __init__(self, *, on_headers_complete: Callable[[], bool], **options: Any) -> None:
        super().__init__(on_headers_complete=self._checked, **options)
        self._told = on_headers_complete
        self._typed = False
        """Whether the trailers of this request have named a media type."""

    def reset(self) -> None:
        super().reset()
        self._typed = False

    def buffered(self) -> int:
        """Return how many bytes wait behind a request that is complete."""
        return len(self._buffer) if self.is_complete else 0

    def accept(self) -> str | None:
        """Find ``Accept`` in a request that cannot be parsed: among its fields so far, and in what is left."""
        parsed = [value.decode("latin-1") for name, value in self._headers_list if name == b"accept"]
        return ",".join(parsed) or accept_in(bytes(self._buffer[:HEAD]))

    def _parse_request_line(self) -> bool:
        above: Any = super()
        try:
            return bool(above._parse_request_line())
        except InvalidHTTPVersion as error:
            if _LATER.fullmatch(str(error)) is None:
                raise
        # The line was read but for its version, which comes last.
        self.http_version, self._state = LATEST, "headers"
        return True

    def _checked(self) -> bool:
        """Check the header fields by the rules of the gateway, then tell of them."""
        if not self.path.startswith(b"/") or b"#" in self.path:
            self._read_address(self.path.decode("ascii"))
        asked = [(name.decode(), value.decode("latin-1")) for name, value in self.headers if name in _CHECKED]
        check_fields(asked, self.http_version)
        self._header_count = 0  # there may be as many trailers
        return self._told()

    def _read_address(self, target: str) -> None:
        """Read a target that is a whole address as its path and its host."""
        self.path, named = origin_form(target).encode("ascii"), authority(target)
        if named is not None:
            self.headers = [(name, named.encode() if name == b"host" else value) for name, value in self.headers]

    def _find_line(self, limit: int, error: Exception) -> int:
        above: Any = super()
        end = int(above._find_line(limit, error))
        if end > limit and self._state == "chunked" and self._chunk_state == "size":
            raise error
        if end > 0 and self._state == "chunked" and self._chunk_state == "trailer":
            self._check_trailer(bytes(self._buffer[:end]))
        return end

    def _check_trailer(self, line: bytes) -> None:
        """Refuse a trailer that would be refused among the header fields."""
        name, colon, value = line.partition(b":")
        if len(line) + 2 > self._limit_request_field_size:
            raise LimitRequestHeaders("Request trailer field is too large")
        if not colon or not self._is_valid_token(name) or self._has_invalid_header_chars(value.strip(b" \t")):
            raise InvalidHeader("Invalid trailer field")
        if name.lower() == _LISTED_ONCE:
            if self._typed:
                raise InvalidHeader("Duplicate trailer field")
            self._typed = True
