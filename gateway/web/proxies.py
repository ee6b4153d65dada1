"""What proxies in front say of a request: the path prefix and the scheme and host that the client used.

The gateway serves ``/v1/…`` whatever stands before it. Behind ``https://data.example/data/gw/`` clients need addresses
that begin with ``/data/gw``: the setting ``server.root_path`` says so, or a proxy does by ``X-Forwarded-Prefix``. Such
headers count from the addresses in ``server.trusted_proxies`` only; from others they are as if they were not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network

_SEGMENT = r"/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+"
_PREFIX = re.compile(rf"(?:{_SEGMENT})*/?")
_LONGEST_PREFIX = 256
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::[0-9]{1,5})?")
_SCHEMES = frozenset({"http", "https"})
OWN = frozenset(
    {"v1", "docs", "tables", "datasets", "learn", "status", "errors", "static", "dev"}
    | {"healthz", "readyz", "metrics", "openapi.json"}
)
"""First segments of the gateway's own addresses: a prefix that begins like them is never taken off an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The path prefix of a deployment, and which peers are believed what they say of one.

    *root_path* is empty, or begins with a slash and ends without one.
    """

    root_path: str = ""
    trusted: tuple[Network, ...] = ()

    def trusts(self, peer: str | None) -> bool:
        """Tell whether the headers of a peer, given by its address, are believed."""
        return bool(self.trusted) and peer is not None and _within(peer, self.trusted)

    def prefix(self, forwarded: str | None, *, trusted: bool) -> str:
        """Return the prefix under which a client sees the gateway; *forwarded* is what the peer says of it."""
        said = clean_prefix(_last(forwarded)) if trusted and forwarded else None
        return self.root_path if said is None else said

    def place(self, environ: dict[str, Any]) -> None:
        """Have the WSGI environment of a request say what its client asked for."""
        trusted = self.trusts(environ.get("REMOTE_ADDR"))
        prefix = self.prefix(environ.get("HTTP_X_FORWARDED_PREFIX"), trusted=trusted)
        environ["SCRIPT_NAME"] = prefix
        environ["PATH_INFO"] = below(environ.get("PATH_INFO", "/"), prefix)
        scheme, host = _last(environ.get("HTTP_X_FORWARDED_PROTO")), _last(environ.get("HTTP_X_FORWARDED_HOST"))
        if trusted and scheme.lower() in _SCHEMES:
            environ["wsgi.url_scheme"] = scheme.lower()
        if trusted and "HTTP_HOST" in environ and _HOST.fullmatch(host):
            environ["HTTP_HOST"] = host


def below(path: str, prefix: str) -> str:
    """Take *prefix* off the path of a request, or leave it where a proxy has taken it off.

    >>> below("/data/gw/v1/queries?a=1", "/data/gw"), below("/v1/queries", "/data/gw"), below("/data/gw", "/data/gw")
    ('/v1/queries?a=1', '/v1/queries', '/')
    """
    rest = path[len(prefix) :]
    if not prefix or not path.startswith(prefix) or rest[:1] not in ("", "?", "/") or prefix.split("/", 2)[1] in OWN:
        return path
    return rest if rest.startswith("/") else f"/{rest}"


def clean_prefix(text: str) -> str | None:
    """Return a path prefix without the slash at its end, None for what is none.

    >>> clean_prefix("/data/gw/"), clean_prefix("/"), clean_prefix("//evil.example"), clean_prefix("/a/../b")
    ('/data/gw', '', None, None)
    """
    if len(text) > _LONGEST_PREFIX or _PREFIX.fullmatch(text) is None:
        return None
    return text.removesuffix("/")


def read_root_path(text: str) -> str:
    """Check ``server.root_path``. Raises ``ValueError``."""
    cleaned = clean_prefix(text)
    if cleaned is None:
        raise ValueError(f"{text!r} is no path of letters, digits, '-', '.', '_', '~' behind slashes: write /data/gw")
    return cleaned


def read_networks(texts: Iterable[str]) -> tuple[str, ...]:
    """Check ``server.trusted_proxies``. Raises ``ValueError`` with all mistakes."""
    given = tuple(texts)
    wrong = [f"{text!r} is no address and no network{_instead(text)}" for text in given if not _is_network(text)]
    if wrong:
        raise ValueError(f"{'; '.join(wrong)}: write 10.0.0.7, 10.0.0.0/8 or fd00::/8")
    return given


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that ``read_networks`` has accepted."""
    return tuple(ip_network(text) for text in texts)


def _is_network(text: str, *, strict: bool = True) -> bool:
    try:
        ip_network(text, strict=strict)
    except ValueError:
        return False
    return True


def _instead(text: str) -> str:
    return f" (is {ip_network(text, strict=False)} meant?)" if _is_network(text, strict=False) else ""


def _last(value: str | None) -> str:
    """Return the last of several values: that of the peer itself, for each proxy puts its own behind those before."""
    return (value or "").rpartition(",")[2].strip()


@lru_cache(maxsize=1_024)
def _within(peer: str, trusted: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # as a socket that takes both versions names a client of IPv4
    return any(address in network for network in trusted)
