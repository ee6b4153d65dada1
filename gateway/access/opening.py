"""Opens authorization and rate limits as configured."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from gateway.access.authorizer import Authorizer
from gateway.access.base import OPEN, Access
from gateway.access.counters import MachineCounters
from gateway.access.grants import NOTHING, read_grants
from gateway.access.jwks import FetchedKeys, FileKeys, fetcher
from gateway.access.keys import NO_KEYS, read_keys
from gateway.access.limits import UNLIMITED, CallerLimits
from gateway.access.quota_batches import BatchedQuotas
from gateway.access.quotas import Quotas, in_redis, rates_for
from gateway.access.rates import Rates
from gateway.access.reloading_file import ReloadingFile
from gateway.access.settings import AccessSettings, LimitSettings
from gateway.access.tokens import TokenRules, Tokens
from gateway.model import Principal
from gateway.telemetry.events import Observer


def open_access(project: Path, settings: AccessSettings, observe: Observer) -> Access:
    """Open access control; without authentication everybody may do everything."""
    if not settings.required:
        return OPEN
    grants = ReloadingFile(
        project / settings.grants,
        partial(read_grants, path=str(settings.grants)),
        NOTHING,
        name="grants",
        observe=observe,
        expected=True,
    )
    keys = ReloadingFile(project / settings.keys, read_keys, NO_KEYS, name="keys", observe=observe)
    tokens = _tokens(project, settings, observe)
    return Authorizer(keys, grants, tokens, observe=observe, public_metrics=settings.public_metrics)


def open_limits(
    settings: LimitSettings, access: Access, observe: Observer, *, state: Path, redis: Any, namespace: str = ""
) -> CallerLimits:
    """Open rate limits: counted in Redis where there is a pool, else in the folder *state* of this machine."""
    general = Rates(requests=settings.requests, bytes=settings.bytes)
    if access is OPEN and general == Rates():
        return UNLIMITED

    def rates(principal: Principal) -> Rates:
        return rates_for(general, access.limit(principal))

    storage = MachineCounters(state / "limits.db") if redis is None else in_redis(redis, namespace=namespace)
    return BatchedQuotas(Quotas(storage, rates, observe=observe), rates)


def _tokens(project: Path, settings: AccessSettings, observe: Observer) -> Tokens | None:
    if settings.jwks is None or settings.issuer is None or settings.audience is None:
        return None
    rules = TokenRules(
        issuer=settings.issuer,
        audience=settings.audience,
        algorithms=tuple(settings.algorithms.split()),
        principal_claim=settings.principal_claim,
        groups_claim=settings.groups_claim,
    )
    if not settings.jwks.startswith(("https:", "http:")):
        return Tokens(rules, FileKeys(project / settings.jwks, observe))
    return Tokens(rules, FetchedKeys(fetcher(settings.jwks), observe))
