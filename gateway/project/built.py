"""Compare the declarations of datasets with the queries that they are built by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.catalog.dataset import named_version
from gateway.catalog.table import Table
from gateway.declaration import DeclarationError, Declared
from gateway.errors import Diagnostic, InvalidParameters, Rule
from gateway.query.coerce import format_value
from gateway.query.template import Template
from gateway.suggestions import did_you_mean

Templates = Mapping[tuple[str, int], Template]


def misbuilt(table: Table, text: str, path: str, templates: Templates, tables: Mapping[str, Table]) -> list[Diagnostic]:
    """List what is wrong with the query of a dataset, which *text* declares; what was built before stays in service.

    *templates* are those without errors.
    """
    if table.query is None:
        return []
    try:
        declared = Declared(text, path)
    except DeclarationError:
        return []  # it has errors of its own
    named = named_version(table.query)
    template = templates.get((named.name, named.version))
    if template is None:
        hint = _instead(named.name, templates)
        return [
            declared.diagnostic(("query",), f"{table.query} does not exist, or has mistakes", hint, rule=Rule.TABLE)
        ]
    found = list(_parameters(table, template, declared))
    if table.name in _read(template, templates, tables):
        message = f"{table.query} reads {table.name}, which would be built of itself"
        found.append(declared.diagnostic(("query",), message, rule=Rule.TABLE))
    return found


def _parameters(table: Table, template: Template, declared: Declared) -> Iterator[Diagnostic]:
    try:
        template.bind({name: format_value(value) for name, value in table.parameters.items()})
    except InvalidParameters as error:
        for each in error.members["errors"]:
            message = f"the parameter {each['parameter']} of {table.query} {each['detail']}"
            yield declared.diagnostic(("parameters", each["parameter"]), message, rule=Rule.TABLE)


def _instead(name: str, templates: Templates) -> str | None:
    """Say which versions there are of the query, or which query is meant."""
    versions = [f"{name}/v{version}" for known, version in templates if known == name]
    return f"there is {', '.join(versions)}" if versions else did_you_mean(name, {known for known, _ in templates})


def _read(template: Template, templates: Templates, tables: Mapping[str, Table]) -> set[str]:
    """Name the tables that a query reads, and those that the datasets among them are built of."""
    found: set[str] = set()
    left = list(template.tables)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            query = None if (table := tables.get(name)) is None else table.query
            below = None if query is None else templates.get(named_version(query))
            left += below.tables if below is not None else ()
    return found
