"""Prepare answers ahead."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.query.registry import Registry


def wanted(registry: Registry) -> Mapping[tuple[str, int], int]:
    """Tell of which queries the newest questions are prepared ahead, and how many."""
    return {
        (template.name, template.version): template.warm_recent
        for versions in registry.queries().values()
        for template in versions.values()
        if template.warm_recent
    }
