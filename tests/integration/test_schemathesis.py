"""Requests made up from ``/openapi.json`` against two real workers: whatever is asked, no answer is a 5xx."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

pytestmark = pytest.mark.gunicorn

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "3"))
"""Requests for each operation, as many that fit the document as that do not."""


@pytest.fixture(scope="module")
def operations(local_gateway: Any, server_used: Any) -> list[Any]:
    """Every operation of the document that the running gateway answers."""
    schema = schemathesis.openapi.from_url(f"http://{local_gateway.host}:{local_gateway.port}/openapi.json")
    server_used(f"schemathesis {schemathesis.__version__}")
    return [result.ok() for result in schema.get_all_operations()]


def ask(operation: Any, mode: GenerationMode, statuses: Counter[tuple[str, int]]) -> None:
    """Send some requests to one operation; check status and type of each answer against the document."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        response = case.call()
        statuses[mode.value, response.status_code] += 1
        assert response.status_code < 500, (case.method, response.request.url, response.text)
        case.validate_response(response, checks=[status_code_conformance, content_type_conformance])

    try:
        one()
    except Unsatisfiable:
        # An operation without parameters has no request that does not fit.
        assert mode is GenerationMode.NEGATIVE


def test_no_request_made_from_the_document_is_answered_by_an_error_of_the_server(operations: list[Any]) -> None:
    statuses: Counter[tuple[str, int]] = Counter()
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            ask(operation, mode, statuses)
    assert len(operations) > 40
    assert statuses["positive", 200] > 50
    assert statuses["negative", 422] + statuses["negative", 400] > 50
