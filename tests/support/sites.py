"""A site over a gateway of the test's, wired with nothing else than what the test gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.access.authorizer import credential
from gateway.access.base import ANONYMOUS, OPEN
from gateway.access.limits import UNLIMITED
from gateway.access.rates import Rates
from gateway.datasets.export_target import ExportTargets
from gateway.errors import Unauthenticated
from gateway.jobs.store import JobStore
from gateway.model import Principal
from gateway.telemetry.events import unobserved
from gateway.telemetry.metrics import Metrics
from gateway.web.context import Site
from gateway.web.origins import Cors
from gateway.web.proxies import Proxies


def bare_site(gateway: Any, /, **wired: Any) -> Site:
    """Wire a site that is open to everybody and has no project, checks or reloads, unless *wired* has them."""
    parts = {
        "gateway": gateway,
        "project": None,
        "reload": lambda: pytest.fail("nothing is reloaded here"),
        "metrics": Metrics(CollectorRegistry()),
        "clock": lambda: 0.0,
        "observe": unobserved,
        "checks": {},
        "secret": bytes,
        "state": lambda: None,
        "clusters": dict,
        "calls": lambda since: {},
        "jobs": JobStore(lambda: pytest.fail("no jobs are asked for here"), clock=lambda: 0.0),
        "wake": lambda kind: None,
        "faults": dict,
        "exports": ExportTargets(allow=(), own=(), place=lambda location: location),
        "access": OPEN,
        "limits": UNLIMITED,
        "proxies": Proxies(),
        "cors": Cors(),
        "cheap": 64 * 2**20,
        "embed": (),
    }
    return Site(**(parts | wired))


class Lenient:
    """What an access of tests has beside its callers and grants: it limits nobody, and is always ready."""

    generation = 0

    def limit(self, principal: Principal) -> Rates:
        return Rates()

    def failures(self) -> Mapping[str, str]:
        return {}

    def ready(self) -> None:
        pass


@dataclass
class OneKey(Lenient):
    """The key ``k`` is ana's, who may ask ``delays``."""

    valid: set[str] = field(default_factory=lambda: {"k"})

    def identify(self, headers: Mapping[str, str], *, wait: bool = True) -> Principal:
        shown = credential(headers)
        if shown is None:
            return ANONYMOUS
        if shown not in self.valid:
            raise Unauthenticated("The key or token is not valid.")
        return Principal(name="ana", credential="qg_1")

    def may(self, principal: Principal, action: str, name: str) -> bool:
        return principal.name == "ana" and name == "delays"

    def shared(self, action: str, name: str) -> bool:
        return False
