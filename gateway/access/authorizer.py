"""Authorization as a project configures it: API keys, tokens of one issuer, and grants, reloaded on change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from gateway.access.base import ANONYMOUS, CHALLENGE, METRICS
from gateway.access.grants import Grants
from gateway.access.keys import PREFIX, Keys
from gateway.access.rates import Rates
from gateway.access.reloading_file import ReloadingFile
from gateway.access.tokens import TokenRefused, Tokens
from gateway.errors import AccessInvalid, Diagnostic, Unauthenticated
from gateway.model import Principal
from gateway.telemetry.events import AccessRefused, Observer

COOKIE = "gateway-key"
"""Where the pages for people keep the key that was entered in them."""
_OWN_PAGES = ("same-origin", "none")
"""What a browser says of a request of a page of the gateway itself, or of nobody's."""
_EXPIRED = {"expired-key": "The key has expired.", "expired-token": "The token has expired."}
INVALID = {"WWW-Authenticate": f'{CHALLENGE["WWW-Authenticate"]}, error="invalid_token"'}


class Authorizer:
    """Authenticates callers by key or token, and authorizes them by the grants. Thread-safe."""

    def __init__(
        self,
        keys: ReloadingFile[Keys],
        grants: ReloadingFile[Grants],
        tokens: Tokens | None,
        *,
        observe: Observer,
        public_metrics: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keys, self._grants, self._tokens = keys, grants, tokens
        self._observe, self._clock, self._public_metrics = observe, clock, public_metrics

    @property
    def generation(self) -> int:
        # Looked at first: a file that has changed counts from now on.
        _, _ = self._keys.value, self._grants.value
        issuer = 0 if self._tokens is None else self._tokens.source.generation
        return self._keys.generation + self._grants.generation + issuer

    def identify(self, headers: Mapping[str, str], *, wait: bool = True) -> Principal:
        shown = credential(headers)
        if shown is None:
            return ANONYMOUS
        if shown.startswith(PREFIX):
            found = self._keys.value.check(shown, self._clock())
            if isinstance(found, Principal):
                return found
            raise self._refused(found, shown.rpartition("_")[0][:40], told=wait)
        if self._tokens is None:
            raise self._refused("unknown-key", told=wait)
        try:
            return self._tokens.check(shown, wait=wait)
        except TokenRefused as error:
            raise self._refused(error.reason, detail=error.detail, told=wait) from error

    def may(self, principal: Principal, action: str, name: str) -> bool:
        if action == METRICS and self._public_metrics:
            return True
        return self._grants.value.may(principal, action, name)

    def shared(self, action: str, name: str) -> bool:
        return self.may(ANONYMOUS, action, name)

    def limit(self, principal: Principal) -> Rates:
        found = self._grants.value.limit(principal)
        return Rates() if found is None else Rates(requests=found.requests, bytes=found.bytes)

    def failures(self) -> dict[str, str]:
        _, _ = self._keys.value, self._grants.value
        found = {"keys": self._keys.failure, "grants": self._grants.failure}
        if self._tokens is not None:
            self._tokens.source.keys()
            found["keyset"] = self._tokens.source.failure
        return {name: failure for name, failure in found.items() if failure is not None}

    def ready(self) -> None:
        # Grants that were never right let nobody in.
        _ = self._grants.value
        if self._grants.generation == 0:
            message = self._grants.failure or "nothing is granted"
            raise AccessInvalid([Diagnostic(path="access.yaml", message=message)])

    def _refused(self, reason: str, credential: str = "", detail: str | None = None, *, told: bool) -> Unauthenticated:
        # Who cannot wait has it decided again by who can, and one refusal is told once.
        if told:
            self._observe(AccessRefused(reason=reason, credential=credential, detail=detail))
        return Unauthenticated(_EXPIRED.get(reason, "The key or token is not valid."), headers=INVALID)


def credential(headers: Mapping[str, str]) -> str | None:
    """Return the credential of a request: a key, a token, or None.

    Raises ``Unauthenticated`` where it is shown in a way that is not known.
    """
    key = headers.get("x-api-key")
    if key is not None:
        return key.strip()
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, text = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise Unauthenticated("Authorization is read as: Bearer, then a key or a token.", headers=INVALID)
        return text.strip()
    return _cookie(headers)


def from_own_page(headers: Mapping[str, str]) -> bool:
    """Tell whether no page of another origin sends a request, of which *headers* are given in lower case.

    Browsers say so in ``Sec-Fetch-Site``, but not over plain HTTP to a host name. There ``Origin`` stands in all
    that changes something, and in what a script of another origin asks.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in _OWN_PAGES
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()


def _cookie(headers: Mapping[str, str]) -> str | None:
    if "cookie" not in headers or not from_own_page(headers):
        return None
    for pair in headers["cookie"].split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE and value:
            return value
    return None
