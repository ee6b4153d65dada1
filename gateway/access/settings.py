"""Settings of access and rate limits."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.access.rates import RateSetting
from gateway.access.tokens import ALGORITHMS

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _AccessModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccessSettings(_AccessModel):
    """Access control. File paths are relative to the project."""

    required: bool = Field(False, description="Whether callers must say who they are, and may do only what is granted.")
    keys: Path = Field(Path("keys.json"), description="File of API keys, written by `gateway keys`.")
    grants: Path = Field(Path("access.yaml"), description="File that says who may do what, and how much of it.")
    jwks: str | None = Field(
        None, description="Public keys of the token issuer (JWKS): a file, or an https address; without it, no tokens."
    )
    issuer: str | None = Field(None, description="Issuer that tokens must name (`iss`).")
    audience: str | None = Field(None, description="Audience that tokens must name (`aud`).")
    algorithms: str = Field("RS256 ES256 EdDSA", description="Signatures of tokens that are accepted.")
    principal_claim: str = Field("sub", min_length=1, description="Claim of a token that names who asks.")
    groups_claim: str = Field("groups", min_length=1, description="Claim that lists their groups; may be a path, a.b.")
    public_metrics: bool = Field(
        True, description="Whether /metrics and the details of /readyz are for everybody; else they need `metrics`."
    )

    @field_validator("algorithms")
    @classmethod
    def _known(cls, value: str) -> str:
        wrong = [each for each in value.split() if each not in ALGORITHMS]
        if wrong or not value.split():
            raise ValueError(f"accepted: {' '.join(ALGORITHMS)}; none of them takes a shared secret")
        return value

    @field_validator("jwks")
    @classmethod
    def _safe(cls, value: str | None) -> str | None:
        address = urlsplit(value or "")
        if address.scheme == "http" and address.hostname not in _LOOPBACK:
            raise ValueError("keys that come over http can be replaced on the way: write https")
        return value

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.jwks is not None and not (self.issuer and self.audience):
            raise ValueError("with jwks, issuer and audience must be set: other tokens of the issuer are not for you")
        return self


class LimitSettings(_AccessModel):
    """Rate limits of one principal, unless the grants say otherwise."""

    requests: RateSetting = Field(None, description="Requests of one principal, e.g. 1000/minute.")
    bytes: RateSetting = Field(None, description="Bytes scanned for one principal, e.g. 100GiB/hour.")
