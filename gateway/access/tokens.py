"""Bearer tokens (JWT, RFC 7519) of one issuer: signature, issuer, audience and lifetime are all verified.

The settings allow public-key algorithms only, and the key decides which of them verifies: a token cannot choose
``none``, nor have the public key used as a shared secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any

import jwt
from cachetools import LRUCache

from gateway.access.jwks import JWK, KeySource
from gateway.access.keys import valid_name
from gateway.model import Principal

ALGORITHMS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""The algorithms that may be set, and the type of the keys that they take."""
LARGEST = 8_000
"""Characters of the longest token that is looked at."""
_KEPT = 10_000
_KEPT_FOR = 60.0
"""Seconds for which a token that was found right is not verified again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """Requirements for tokens. *leeway* is the tolerated clock skew in seconds; claims may be paths (``a.b``)."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    principal_claim: str = "sub"
    groups_claim: str = "groups"
    leeway: float = 30.0


class Tokens:
    """Verifies tokens. Thread-safe. *clock* returns seconds since the epoch."""

    def __init__(self, rules: TokenRules, source: KeySource, *, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._rules, self._clock = rules, clock
        self._lock = Lock()
        self._verified: LRUCache[bytes, tuple[Principal, float, int]] = LRUCache(_KEPT)

    def check(self, text: str, *, wait: bool) -> Principal:
        """Return the principal of a token; without *wait* no keys are fetched. Raises ``TokenRefused``."""
        if len(text) > LARGEST:
            raise TokenRefused("oversized-token")
        if not text.isascii():
            raise TokenRefused("invalid-token", "it is no JSON Web Token")
        name, now = sha256(text.encode("ascii")).digest(), self._clock()
        keys, generation = self.source.keys(), self.source.generation
        with self._lock:
            known = self._verified.get(name)
        if known is not None and known[1] > now and known[2] == generation:
            return known[0]
        principal, ends = self._verify(text, keys, wait)
        with self._lock:
            self._verified[name] = (principal, min(ends, now + _KEPT_FOR), generation)
        return principal

    def _verify(self, text: str, keys: tuple[JWK, ...], wait: bool) -> tuple[Principal, float]:
        try:
            header = jwt.get_unverified_header(text)
        except (jwt.InvalidTokenError, RecursionError) as error:
            raise TokenRefused("invalid-token", "it is no JSON Web Token") from error
        algorithm, identifier = header.get("alg"), header.get("kid")
        if algorithm not in self._rules.algorithms:
            raise TokenRefused("invalid-token", f"it is signed by {str(algorithm)[:20]!r}, which is not accepted")
        fitting = list(_fitting(keys, algorithm, identifier))
        if not fitting and wait:
            fitting = list(_fitting(self.source.newer(), algorithm, identifier))
        if not fitting:
            raise TokenRefused("unknown-signer", f"the issuer has no key {str(identifier)[:60]!r} for {algorithm}")
        if len(fitting) > 1:
            raise TokenRefused("unknown-signer", "the token does not say which of the issuer's keys signed it")
        claims = self._claims(text, _key(fitting[0], algorithm), algorithm)
        return self._principal(claims), float(claims["exp"]) + self._rules.leeway

    def _claims(self, text: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                issuer=self._rules.issuer,
                audience=self._rules.audience,
                leeway=self._rules.leeway,
                options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused("expired-token") from error
        except (jwt.PyJWTError, RecursionError, OverflowError) as error:
            raise TokenRefused("invalid-token", str(error)[:200]) from error

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        name, groups = _claim(claims, self._rules.principal_claim), _claim(claims, self._rules.groups_claim)
        try:
            name = valid_name(name) if isinstance(name, str) else None
        except ValueError as error:
            raise TokenRefused("invalid-token", f"{self._rules.principal_claim}: {error}") from error
        if name is None:
            raise TokenRefused("invalid-token", f"it has no text {self._rules.principal_claim!r}")
        listed = groups.split() if isinstance(groups, str) else groups if isinstance(groups, list) else []
        members = frozenset(group for group in listed if isinstance(group, str) and group)
        return Principal(name=name, groups=members, credential=f"token of {name}")


class TokenRefused(Exception):
    """An invalid token: the reason is of a bounded set, the detail is for the log."""

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def _fitting(keys: tuple[JWK, ...], algorithm: str, identifier: object) -> Iterator[JWK]:
    """Return the keys that can have signed: of the algorithm's type, and of the key id where one is given."""
    for key in keys:
        right_kind = key.get("kty") == ALGORITHMS[algorithm] and key.get("alg") in (None, algorithm)
        if right_kind and (identifier is None or key.get("kid") == identifier):
            yield key


def _key(key: JWK, algorithm: str) -> jwt.PyJWK:
    try:
        return jwt.PyJWK(dict(key), algorithm=algorithm)
    except jwt.PyJWTError as error:
        raise TokenRefused("unknown-signer", "the issuer's key cannot be used") from error


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim by its name or path."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found
