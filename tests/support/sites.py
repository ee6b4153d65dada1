"""A site over a gateway of the test's, wired with nothing else than what the test gives."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.access.base import OPEN
from gateway.access.limits import UNLIMITED
from gateway.telemetry.events import unobserved
from gateway.telemetry.metrics import Metrics
from gateway.web.context import Site


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
        "access": OPEN,
        "limits": UNLIMITED,
    }
    return Site(**(parts | wired))
