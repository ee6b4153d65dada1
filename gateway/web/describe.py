"""Descriptions of query versions for people and programs: parameters, columns, freshness."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from gateway.errors import GatewayError
from gateway.model import CachePolicy, Column
from gateway.pipeline import Gateway
from gateway.query.parameters import Parameter
from gateway.query.registry import Lifecycle
from gateway.query.template import Template
from gateway.telemetry.events import DescriptionFailed
from gateway.web.bound_parameters import as_json, texts
from gateway.web.context import here, site
from gateway.web.described import Described
from gateway.web.problems import public_detail

_BOUNDS = ("min", "max", "pattern", "bucket")


def version_url(template: Template) -> str:
    """Write the address of a query version."""
    return f"/v1/queries/{template.name}/v{template.version}"


def describe(template: Template, columns: tuple[Column, ...] | None, state: Lifecycle) -> dict[str, Any]:
    """Describe one version; *columns* are those of its result, None where they could not be found out."""
    url = here(version_url(template))
    return {
        **summarise(template, state),
        "description": template.front.description,
        "parameters": [describe_parameter(name, parameter) for name, parameter in template.parameters.items()],
        "columns": None if columns is None else [{"name": column.name, "type": column.type} for column in columns],
        "tables": sorted(template.tables),
        "freshness": freshness(template.unbound.cache),
        "timeout": template.front.timeout,
        "deterministic": template.front.deterministic,
        "examples": [
            {
                "parameters": {name: as_json(value) for name, value in example.items()},
                "url": here(example_url(template, example)),
            }
            for example in template.examples
        ],
        "result_url": f"{url}/result",
        "explain_url": f"{url}/explain",
        "sql": template.sql.strip(),
    }


def summarise(template: Template, state: Lifecycle) -> dict[str, Any]:
    """Describe one version in a few words."""
    known = {
        "query": template.name,
        "version": template.version,
        "url": here(version_url(template)),
        "summary": template.front.summary,
        "owner": template.front.owner,
        "tags": list(template.front.tags) or None,
        "state": state.value,
        "deprecated": _day(template.front.deprecated),
        "sunset": _day(template.front.sunset),
        "successor": template.front.successor,
    }
    return {name: value for name, value in known.items() if value is not None}


def describe_parameter(name: str, parameter: Parameter) -> dict[str, Any]:
    """Describe one parameter; bounds and defaults are spelled as a caller would write them."""
    described: dict[str, Any] = {
        "name": name,
        "type": str(parameter.type),
        "required": parameter.required,
        "description": parameter.description,
    }
    for bound in _BOUNDS:
        value = getattr(parameter, bound)
        if value is not None:
            described[bound] = as_json(value)
    if parameter.zone is not None:
        described["zone"] = parameter.zone.key
    for form in ("epoch", "relative"):
        if getattr(parameter, form) is not None:
            described[form] = getattr(parameter, form)
    if parameter.choices is not None:
        described["choices"] = [as_json(choice) for choice in parameter.choices]
    if parameter.default is not None:
        described["default"] = as_json(parameter.default)
    if parameter.type.item is not None:
        described["max_items"] = parameter.max_items
    return described


def freshness(policy: CachePolicy) -> dict[str, Any]:
    """Describe how old an answer may be, in seconds."""
    return {
        "cached": policy.enabled,
        "ttl": policy.ttl,
        "stale_while_revalidate": policy.stale_while_revalidate,
        "stale_if_error": policy.stale_if_error,
        "clock": policy.clock,
    }


def result_columns(gateway: Gateway, template: Template) -> tuple[Column, ...] | None:
    """Find the result columns of a version; None, which is told, where they cannot be found out now."""
    known: Described = site().made.setdefault("described", Described(site().monotonic))
    return known.columns(template, lambda: _found(gateway, template))


def _found(gateway: Gateway, template: Template) -> tuple[Column, ...] | GatewayError:
    try:
        return gateway.columns(template.name, template.version)
    except GatewayError as error:
        failed = DescriptionFailed(
            query=template.name, version=template.version, code=error.code, error=public_detail(error)
        )
        site().observe(failed)
        return error


def example_url(template: Template, values: Mapping[str, Any]) -> str:
    """Write the address that runs an example."""
    query = urlencode([(name, text) for name, value in values.items() for text in texts(value)])
    return f"{version_url(template)}/result" + (f"?{query}" if query else "")


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
