"""Scripts, styles and pictures of the pages, at addresses that name their contents, so that browsers keep them.

One digest of all files stands in the address, before the name: a script's imports, which are relative, have it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from hashlib import blake2b
from pathlib import Path

from flask import Response, abort, request, url_for

from gateway.web.documents import GZIP, file_response

_FILES = Path(__file__).parent / "static"
_IMPORTED = re.compile(r'^import .*"\./(.*)";$', re.MULTILINE)
_FOREVER = "public, max-age=31536000, immutable"
"""A year, as long as caches keep anything; and browsers need not ask when a page is loaded anew (RFC 8246)."""


def asset_urls() -> Callable[[str], str]:
    """Return what tells where a page finds a file, as all of them are now."""
    return partial(url_for, "pages.static", build=_build())


def asset(filename: str, build: str | None) -> Response:
    """Answer a file, or 404. At an address with the *build* of now it never changes; at others it is asked for anew.

    Another host may be at another build: its pages' files are answered too, with what is here.
    """
    files = {path.name: path for path in _FILES.iterdir()}
    if filename not in files:
        abort(404)
    response = file_response(files[filename], packed=request.accept_encodings.quality(GZIP) > 0)
    if build == _build():
        response.headers["Cache-Control"] = _FOREVER
    return response


@cache
def modules() -> Sequence[str]:
    """Name what the script of a query's page imports, and what that imports, for browsers to ask for all at once."""
    found, left = list[str](), ["query.js"]
    while left:
        text = (_FILES / left.pop()).read_text(encoding="utf-8")
        for name in _IMPORTED.findall(text):
            if name not in found:
                found.append(name)
                left.append(name)
    return found


@cache
def libraries() -> Sequence[str]:
    """Name the libraries that draw charts."""
    return sorted(path.name for path in _FILES.glob("*.min.js"))


def _build() -> str:
    """Return the digest of all files. They are read again where one has changed."""
    return _digest(tuple((path.name, path.stat().st_mtime_ns) for path in sorted(_FILES.iterdir())))


@lru_cache(maxsize=1)
def _digest(changed: tuple[tuple[str, int], ...]) -> str:
    digest = blake2b(digest_size=8)
    for name, _ in changed:
        digest.update(name.encode() + b"\0" + blake2b((_FILES / name).read_bytes()).digest())
    return digest.hexdigest()
