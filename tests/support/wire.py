"""HTTP/1 as bytes on a socket: requests sent in whatever pieces, and every response that came back."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from itertools import pairwise
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One response; ``headers`` has lower-case names."""

    version: int
    status: int
    headers: Mapping[str, str]
    body: bytes


def request(method: str, target: str, body: bytes = b"", *, version: str = "1.1", **headers: str) -> bytes:
    """Write a request with a Host, the headers given, and a length where it has a body."""
    named = {"Host": "a", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body:
        named["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class Wire:
    """A connection on which requests are sent and responses taken at different times."""

    def __init__(self, port: int, *, timeout: float = 20.0, source: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = _Stream(self._socket.makefile("rb"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._stream.file.close()
        self._socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send each piece in a segment of its own; what a server that has closed does not take is let go."""
        with suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                self._socket.sendall(piece)

    def take(self, *methods: str) -> list[Response]:
        """Take the responses to requests of these methods, in order; fewer where the server ends the connection."""
        found: list[Response] = []
        for method in methods:
            if self._ended():
                break
            found.append(_response(self._stream, method))
        return found

    def rest(self) -> bytes:
        """Return what else comes until the server ends the connection."""
        with suppress(ConnectionResetError):
            return self._stream.file.read()
        return b""

    def _ended(self) -> bool:
        try:
            return not self._stream.file.peek(1)
        except ConnectionResetError:
            return True


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut *data* at *places*, which may lie anywhere."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


def _response(stream: _Stream, method: str) -> Response:
    parsed = HTTPResponse(stream, method=method)  # type: ignore[arg-type]  # it asks a socket only for its file
    parsed.begin()
    headers = {name.lower(): value for name, value in parsed.getheaders()}
    return Response(version=parsed.version, status=parsed.status, headers=headers, body=parsed.read())


class _Stream:
    """The file of a socket that outlives each response read from it."""

    def __init__(self, file: io.BufferedReader) -> None:
        self.file = file

    def makefile(self, mode: str) -> Any:
        return self

    def close(self) -> None:
        """Stay open for the next response."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
