"""httpx's requests, sent by urllib3, which takes a large body with a sixth of the processor time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError

_PIECE = 1 << 20
"""Bytes that are taken at once, at most: what has come is not waited with."""


def transport_to(base: str, *, verify: Any, connections: int) -> httpx.BaseTransport | None:
    """Return what sends the requests to *base*, None for httpx's own: through a proxy, or without a certificate."""
    parts = urlsplit(base)
    if verify is False or _proxied(parts.scheme, parts.hostname or ""):
        return None
    trusted = httpx.create_ssl_context(verify=verify) if parts.scheme == "https" else None
    return Urllib3Transport(urllib3.PoolManager(maxsize=connections, block=True, ssl_context=trusted))


def _proxied(scheme: str, host: str) -> bool:
    proxies = getproxies()
    return (scheme in proxies or "all" in proxies) and not proxy_bypass(host)


class Urllib3Transport(httpx.BaseTransport):
    """Sends requests by the connections of *hosts*; who asks for one where all are in use waits."""

    def __init__(self, hosts: urllib3.PoolManager) -> None:
        self._hosts = hosts

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return its answer, whose body is read from the connection. Raises httpx.TransportError."""
        limits = request.extensions.get("timeout", {})
        with _errors_of_httpx():
            answer = self._hosts.urlopen(
                request.method,
                str(request.url),
                body=request.read() or None,
                headers=dict(request.headers),
                timeout=urllib3.Timeout(connect=limits.get("connect"), read=limits.get("read")),
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,
            )
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.iteritems()]
        return httpx.Response(answer.status, headers=headers, stream=_Body(answer))

    def close(self) -> None:
        self._hosts.clear()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _errors_of_httpx():
            while piece := self._answer.read1(_PIECE, decode_content=False):
                yield piece

    def close(self) -> None:
        """Give the connection back; one with the rest of a body in it is closed."""
        if not self._answer.closed:
            self._answer.close()
        self._answer.release_conn()


@contextmanager
def _errors_of_httpx() -> Iterator[None]:
    try:
        yield
    except (NewConnectionError, SSLError) as error:
        raise httpx.ConnectError(str(error.__cause__ or error)) from error
    except ConnectTimeoutError as error:
        raise httpx.ConnectTimeout("no connection in time") from error
    except ReadTimeoutError as error:
        raise httpx.ReadTimeout("nothing came any more") from error
    except HTTPError as error:
        raise httpx.ReadError(str(error.__cause__ or error)) from error
