"""Tokens are taken when everything about them is right, and for nothing less."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.access.jwks import KeySet
from gateway.access.tokens import LARGEST, TokenRefused, TokenRules, Tokens
from gateway.model import Principal

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
FAR = 4_000_000_000
CLAIMS = {"iss": "https://issuer/", "aud": "gateway", "exp": FAR, "sub": "ana", "groups": ["analysts"]}
RULES = TokenRules(issuer="https://issuer/", audience="gateway")
Refused = Callable[..., str]


def public(key: Any, algorithm: str, name: str | None, **more: str) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {key: value for key, value in made.items() if key != "key_ops"} | ({"kid": name} if name else {}) | more


KEYS: KeySet = (
    public(RSA, "RS256", "r1"),
    public(OTHER, "RS256", "r2", alg="RS256"),
    public(EC, "ES256", "e1"),
    public(ED, "EdDSA", "d1"),
)


@dataclass
class FakeKeys:
    known: KeySet = KEYS
    later: KeySet = KEYS
    generation: int = 1
    failure: str | None = None
    asked: int = 0

    def keys(self) -> KeySet:
        return self.known

    def newer(self) -> KeySet:
        self.asked += 1
        self.known = self.later
        return self.known


def token(key: Any = RSA, algorithm: str = "RS256", name: str | None = "r1", **claims: Any) -> str:
    given = {key: value for key, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(given, key, algorithm=algorithm, headers={} if name is None else {"kid": name})


def spelled(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def check(text: str, rules: TokenRules = RULES, source: FakeKeys | None = None) -> Principal:
    return Tokens(rules, source or FakeKeys(), clock=lambda: 1_000.0).check(text, wait=True)


def refusal(text: str, rules: TokenRules = RULES, source: FakeKeys | None = None) -> str:
    with pytest.raises(TokenRefused) as caught:
        check(text, rules, source)
    return caught.value.reason


@pytest.mark.parametrize(("key", "algorithm", "name"), [(RSA, "RS256", "r1"), (EC, "ES256", "e1"), (ED, "EdDSA", "d1")])
def test_a_token_names_who_asks_and_their_groups(key: Any, algorithm: str, name: str) -> None:
    assert check(token(key, algorithm, name)) == Principal(name="ana", groups=frozenset({"analysts"}))


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1}, "expired-token"),
        ({"exp": None}, "invalid-token"),
        ({"exp": "soon"}, "invalid-token"),
        ({"nbf": FAR}, "invalid-token"),
        ({"iat": FAR}, "invalid-token"),
        ({"iss": "https://other/"}, "invalid-token"),
        ({"iss": None}, "invalid-token"),
        ({"aud": "others"}, "invalid-token"),
        ({"aud": ["others"]}, "invalid-token"),
        ({"aud": None}, "invalid-token"),
        ({"sub": None}, "invalid-token"),
        ({"sub": ""}, "invalid-token"),
        ({"sub": "anonymous"}, "invalid-token"),
        ({"sub": "group:admins"}, "invalid-token"),
        ({"sub": "ana\r\nX-Admin: 1"}, "invalid-token"),
    ],
)
def test_a_claim_that_is_not_right_refuses_the_token(claims: dict[str, Any], reason: str) -> None:
    assert refusal(token(**claims)) == reason


def test_one_of_several_audiences_is_enough() -> None:
    assert check(token(aud=["others", "gateway"])).name == "ana"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 1, ["RS256"]])
def test_a_token_without_a_signature_is_refused(algorithm: Any) -> None:
    assert refusal(spelled({"alg": algorithm, "kid": "r1"}, CLAIMS)) == "invalid-token"
    assert refusal(spelled({"alg": algorithm, "kid": "r1"}, CLAIMS, b"x")) == "invalid-token"


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_no_shared_secret(encoding: Encoding, algorithm: str) -> None:
    secret = RSA.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    unsigned = spelled({"alg": algorithm, "kid": "r1", "typ": "JWT"}, CLAIMS).rstrip(".")
    kind = {"HS256": hashes.SHA256, "HS384": hashes.SHA384, "HS512": hashes.SHA512}[algorithm]
    signing = hmac.HMAC(secret, kind())
    signing.update(unsigned.encode())
    forged = f"{unsigned}.{base64.urlsafe_b64encode(signing.finalize()).decode().rstrip('=')}"
    assert refusal(forged) == "invalid-token"


def test_a_shared_secret_in_the_key_set_signs_nothing() -> None:
    secret = b"s" * 64
    shared = {"kty": "oct", "kid": "r1", "k": base64.urlsafe_b64encode(secret).decode().rstrip("=")}
    forged = jwt.encode(CLAIMS, secret, algorithm="HS256", headers={"kid": "r1"})
    assert refusal(forged, source=FakeKeys(known=(shared,), later=(shared,))) == "invalid-token"


@pytest.mark.parametrize(
    ("key", "algorithm", "name"),
    [
        (OTHER, "RS256", "r1"),  # another key of the issuer than the one it names
        (RSA, "RS256", "r2"),
        (RSA, "RS256", "e1"),
        (EC, "ES256", "r1"),
        (RSA, "RS256", "nowhere"),
        (RSA, "RS256", "../../etc/passwd"),
        (RSA, "RS256", "r1' OR 1=1 --"),
        (RSA, "RS256", None),  # two keys fit, and it does not say which
        (RSA, "PS256", "r1"),  # not among the accepted algorithms
        (RSA, "RS512", "r1"),
        (OTHER, "RS512", "r2"),
    ],
)
def test_a_token_that_is_not_by_the_key_it_names_is_refused(key: Any, algorithm: str, name: str | None) -> None:
    assert refusal(token(key, algorithm, name)) in ("invalid-token", "unknown-signer")


def test_a_token_brings_no_key_of_its_own() -> None:
    headers = {
        "kid": "mine",
        "jwk": public(OTHER, "RS256", "mine"),
        "jku": "https://evil/jwks.json",
        "x5u": "https://evil",
    }
    forged = jwt.encode(CLAIMS, OTHER, algorithm="RS256", headers=headers)
    assert refusal(forged) == "unknown-signer"


def test_a_token_need_not_name_the_only_key_that_fits() -> None:
    assert check(token(EC, "ES256", None)).name == "ana"


def test_a_critical_extension_that_is_not_known_refuses_the_token() -> None:
    text = jwt.encode(CLAIMS, RSA, algorithm="RS256", headers={"kid": "r1", "crit": ["policy"], "policy": 1})
    assert refusal(text) == "invalid-token"


def test_a_changed_token_is_refused() -> None:
    head, _, signature = token().split(".")
    claims = base64.urlsafe_b64encode(json.dumps(CLAIMS | {"sub": "root"}).encode()).decode().rstrip("=")
    assert refusal(f"{head}.{claims}.{signature}") == "invalid-token"


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a.b.c", "é.é.é", "\udc80", "[" * 7_000, spelled({"alg": "RS256"}, CLAIMS)[:30], "a" * LARGEST],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    assert refusal(text) in ("invalid-token", "unknown-signer")


def test_a_deep_header_is_no_way_to_exhaust_the_stack() -> None:
    deep = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 5_000 + b"]" * 5_000 + b"}").decode().rstrip("=")
    assert refusal(f"{deep}.e30.x"[:LARGEST]) == "invalid-token"


def test_a_token_that_is_too_long_is_not_looked_at() -> None:
    assert refusal(token(padding="x" * LARGEST)) == "oversized-token"


def test_clocks_may_differ_a_little() -> None:
    now = 1_000
    rules = replace(RULES, leeway=FAR)
    assert check(token(exp=now), rules).name == "ana"


def test_a_key_that_is_not_known_yet_is_asked_for() -> None:
    source = FakeKeys(known=KEYS[1:])
    assert check(token(), source=source).name == "ana"
    assert source.asked == 1


def test_nobody_is_asked_where_there_is_no_time_to_wait() -> None:
    source = FakeKeys(known=KEYS[1:])
    with pytest.raises(TokenRefused):
        Tokens(RULES, source).check(token(), wait=False)
    assert source.asked == 0


def test_a_token_that_was_right_is_not_verified_again_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    decode = jwt.decode

    def counted(text: str, *rest: Any, **named: Any) -> Any:
        verified.append(text)
        return decode(text, *rest, **named)

    monkeypatch.setattr("gateway.access.tokens.jwt.decode", counted)
    now = [0.0]
    source = FakeKeys()
    tokens = Tokens(RULES, source, clock=lambda: now[0])
    text = token()
    for _ in range(3):
        tokens.check(text, wait=True)
    assert len(verified) == 1
    now[0] = 61.0
    tokens.check(text, wait=True)
    assert len(verified) == 2
    source.generation += 1
    tokens.check(text, wait=True)
    assert len(verified) == 3


def test_a_token_is_not_remembered_longer_than_it_is_valid() -> None:
    now = [float(FAR) - 10]
    tokens = Tokens(replace(RULES, leeway=0.0), FakeKeys(), clock=lambda: now[0])
    text = token()
    assert tokens.check(text, wait=True).name == "ana"
    assert tokens._verified[next(iter(tokens._verified))][1] == FAR


@pytest.mark.parametrize(
    ("claims", "rules", "expected"),
    [
        ({"groups": "a b"}, RULES, {"a", "b"}),
        ({"groups": None}, RULES, set()),
        ({"groups": ["a", 1, None, ""]}, RULES, {"a"}),
        ({"groups": {"a": 1}}, RULES, set()),
        ({"realm": {"roles": ["x"]}}, replace(RULES, groups_claim="realm.roles"), {"x"}),
        ({"realm.roles": ["y"]}, replace(RULES, groups_claim="realm.roles"), {"y"}),
        ({"realm": "no"}, replace(RULES, groups_claim="realm.roles"), set()),
    ],
)
def test_groups_are_read_from_their_claim(claims: dict[str, Any], rules: TokenRules, expected: set[str]) -> None:
    assert check(token(**claims), rules).groups == expected


def test_another_claim_can_name_who_asks() -> None:
    assert check(token(email="ana@example.com"), replace(RULES, principal_claim="email")).name == "ana@example.com"
