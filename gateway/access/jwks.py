"""Public keys of a token issuer (JWKS, RFC 7517), from a file or a URL.

A fetched set is cached. It is fetched again when it is old, or, at a bounded rate, when a token names a key that is not
in it, so that made-up key ids cost the issuer nothing. While the issuer is down, the last set stays in force.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Protocol
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson

from gateway.access.reloading_file import FileUnreadable, ReloadingFile
from gateway.telemetry.events import AccessFileFailed, AccessFileRead, Observer

JWK = Mapping[str, Any]
KeySet = tuple[JWK, ...]
_NO_KEYS: KeySet = ()
_LARGEST = 2**20
_TIMEOUT = 3.0
"""Seconds that one attempt to fetch a set may take to connect, and between two pieces of it."""
_WAIT = 0.5
"""Seconds that a request waits for another one's attempt."""
_FRESH = 600.0
"""Seconds after which a set is asked for again."""
_PAUSE = 10.0
"""Seconds that lie between two attempts, whatever is asked for."""


class KeySource(Protocol):
    """The source of the issuer's public keys."""

    @property
    def generation(self) -> int:
        """Return a number that grows whenever the keys change."""

    @property
    def failure(self) -> str | None:
        """Return why the last attempt to read the keys failed; None where it did not."""

    def keys(self) -> KeySet:
        """Return the cached keys, without I/O."""

    def newer(self) -> KeySet:
        """Fetch newer keys, unless that was done just now, and return them; may take seconds."""


class FileKeys:
    """Keys of a file, reloaded when it changes."""

    def __init__(self, path: Path, observe: Observer) -> None:
        self._file = ReloadingFile(path, read_key_set, _NO_KEYS, name="keyset", observe=observe, expected=True)

    @property
    def generation(self) -> int:
        return self._file.generation

    @property
    def failure(self) -> str | None:
        return self._file.failure

    def keys(self) -> KeySet:
        return self._file.value

    def newer(self) -> KeySet:
        return self._file.value


class FetchedKeys:
    """Keys at a URL. A stale set is refreshed in the background."""

    def __init__(
        self,
        fetch: Callable[[], str],
        observe: Observer,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        behind: Callable[[Callable[[], object]], None] | None = None,
    ) -> None:
        self._fetch, self._observe, self._monotonic = fetch, observe, monotonic
        self._behind = behind or _in_a_thread
        self._lock = Lock()
        self._keys: KeySet = ()
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self.generation = 0
        self.failure: str | None = None

    def keys(self) -> KeySet:
        if self._is_due(self._fetched_at, _FRESH) and self._is_due(self._tried_at, _PAUSE):
            self._behind(self.newer)
        return self._keys

    def newer(self) -> KeySet:
        # Where keys are known, few can be made to wait, and not for long, by tokens that name keys that nobody has.
        if self._lock.acquire(timeout=_WAIT if self._keys else -1):
            try:
                if self._is_due(self._tried_at, _PAUSE):
                    self._try()
            finally:
                self._lock.release()
        return self._keys

    def _is_due(self, last: float | None, after: float) -> bool:
        return last is None or self._monotonic() - last >= after

    def _try(self) -> None:
        self._tried_at = self._monotonic()
        try:
            keys = read_key_set(self._fetch())
        except FileUnreadable as error:
            if self.failure is None:
                self._observe(AccessFileFailed(file="keyset", error=str(error)))
            self.failure = str(error)
            return
        self._fetched_at = self._monotonic()
        if keys != self._keys or self.failure is not None:
            self._keys = keys
            self.generation += 1
            self._observe(AccessFileRead(file="keyset"))
        self.failure = None


def read_key_set(text: str) -> KeySet:
    """Parse a key set; keys that are not public are skipped. Raises ``FileUnreadable`` where none is left."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FileUnreadable(f"is not JSON: {error}") from error
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise FileUnreadable("is not a JSON Web Key Set: it has no list of keys")
    # A symmetric key ("oct") would let everybody who may read the set sign tokens.
    keys = tuple(
        key
        for key in listed
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    )
    if not keys:
        raise FileUnreadable("holds no public key for signatures")
    return keys


def fetcher(url: str) -> Callable[[], str]:
    """Return a function that fetches *url* with a timeout and a size limit; redirects are refused."""
    opener = build_opener(_NoRedirects)

    def fetch() -> str:
        request = Request(url, headers={"Accept": "application/jwk-set+json, application/json"})
        try:
            with opener.open(request, timeout=_TIMEOUT) as response:
                body = response.read(_LARGEST + 1)
        except (URLError, OSError, ValueError) as error:
            raise FileUnreadable(f"cannot be fetched from {urlsplit(url).hostname}: {_reason(error)}") from error
        if len(body) > _LARGEST:
            raise FileUnreadable(f"is larger than {_LARGEST} bytes")
        return str(body, "utf-8", "replace")

    return fetch


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: whoever could redirect the URL could otherwise choose the keys."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error)


def _in_a_thread(work: Callable[[], object]) -> None:
    Thread(target=work, name="keyset", daemon=True).start()
