"""Notes on aggregations that would be folded if they were written in another way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.errors import Diagnostic, GatewayError, Rule, Severity
from gateway.model import Plan, Principal
from gateway.pipeline import Gateway
from gateway.plan.fold.fold import LEAST
from gateway.plan.fold.parts import Whole
from gateway.query.template import Template


def check_folds(templates: Iterable[Template], gateway: Gateway, project: Path) -> Iterator[Diagnostic]:
    """Plan the first example of every template; yield what keeps it whole, where it could be written otherwise."""
    for template in templates:
        found = _fold(template, gateway) if template.examples else None
        if found is not None and found.hint is not None:
            yield Diagnostic(
                path=str(project / template.path),
                message=f"its answers are computed whole, not of partials: {found.reason}",
                hint=found.hint,
                rule=Rule.NOT_FOLDED,
                severity=Severity.NOTE,
            )


def _fold(template: Template, gateway: Gateway) -> Whole | None:
    """Return why an example is computed whole; None where it is not, or reads too few partitions to be folded."""
    try:
        bound = template.bind(template.examples[0], now=gateway.clock())
        plan: Plan = gateway.explain_bound(bound, principal=Principal()).plan
        found = gateway.planning.folds.fold(plan, gateway.catalog.pin(plan.query.tables), Principal())
    except GatewayError:
        return None  # told where the example is run
    many = any(scan.selection.partitions >= LEAST for scan in plan.scans)
    return found if many and isinstance(found, Whole) else None
