"""Options of commands that ask a query: its name, version and parameters, or ad hoc SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click

from gateway.cli.names import ParameterValue, QueryName, VersionNumber, split_version
from gateway.errors import MalformedRequest
from gateway.model import BoundQuery, Request
from gateway.pipeline import Gateway
from gateway.query.adhoc import Adhoc
from gateway.query.numerals import json_number

Command = Callable[..., Any]


def question_options(command: Command) -> Command:
    """Give a command ``NAME`` (or ``NAME/v2``), ``--version``, ``--snapshot``, ``--sql``, ``--param``, ``--params``."""
    for option in (
        click.option("--params", "document", metavar="JSON", help='All parameters as one JSON object: {"n": 3}.'),
        click.option(
            "--param",
            "-p",
            "pairs",
            multiple=True,
            type=ParameterValue(),
            metavar="NAME=VALUE",
            help="One parameter; repeatable.",
        ),
        click.option("--sql", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="SQL in a file."),
        click.option("--snapshot", metavar="NAME|DATE", help="Snapshot to read, or the last one before a date."),
        click.option("--version", "-v", type=VersionNumber(min=1), help="Version of the query; else the newest."),
        click.argument("name", required=False, type=QueryName(versions=True)),
    ):
        command = option(command)
    return command


def bound_question(
    gateway: Gateway,
    *,
    name: str | None,
    version: int | None,
    sql: Path | None,
    pairs: tuple[str, ...],
    document: str | None,
    snapshot: str | None,
) -> BoundQuery:
    """Bind what the options ask. Raises ``RequestError``, ``TemplateInvalid``."""
    bound = _bound(gateway, name=name, version=version, sql=sql, pairs=pairs, document=document)
    return bound if snapshot is None else replace(bound, snapshot=gateway.catalog.resolve(bound.tables, snapshot))


def _bound(
    gateway: Gateway,
    *,
    name: str | None,
    version: int | None,
    sql: Path | None,
    pairs: tuple[str, ...],
    document: str | None,
) -> BoundQuery:
    if (name is None) == (sql is None):
        raise click.UsageError("Give the name of a query, or --sql and a file.")
    if pairs and document is not None:
        raise click.UsageError("Give parameters by --param or by --params, not by both.")
    if sql is not None:
        given = _read_document(document or "{}") | {key: _natural(values) for key, values in _read_pairs(pairs).items()}
        adhoc = Adhoc(sql.read_text(encoding="utf-8-sig"), str(sql), gateway.catalog.tables)
        return adhoc.bind(given, {n: snapshot.columns for n, snapshot in gateway.catalog.pin(adhoc.tables).items()})
    name, version = _version_once(name or "", version)
    if document is not None:
        request = Request(query=name, version=version, parameters=_read_document(document))
    else:
        request = Request(query=name, version=version, parameters=_read_pairs(pairs), textual=True)
    return gateway.registry.bind(request, now=gateway.clock())


def _version_once(text: str, version: int | None) -> tuple[str, int | None]:
    """Read the version from ``NAME/v2`` or from its option."""
    name, named = split_version(text)
    if named is not None and version not in (None, named):
        raise click.UsageError(f"{text} names version {named}, and --version {version}: give one.")
    return name, version if named is None else named


def _read_pairs(pairs: tuple[str, ...]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise MalformedRequest(f"--param {pair}: write NAME=VALUE.")
        given.setdefault(key, []).append(value)
    return given


def _natural(texts: list[str]) -> Any:
    """Read texts of a parameter whose type is not declared: as JSON where they are, else as they stand."""
    values = []
    for text in texts:
        try:
            values.append(_json(text))
        except ValueError:
            values.append(text)
    return values[0] if len(values) == 1 else values


def _read_document(text: str) -> dict[str, Any]:
    try:
        document = _json(text)
    except ValueError as error:
        raise MalformedRequest(f"--params is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise MalformedRequest('--params is a JSON object, such as {"n": 3}.')
    return document


def _json(text: str) -> Any:
    """Read JSON with all digits of its numbers. Raises ``ValueError``."""
    try:
        return json.loads(text, parse_float=json_number, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
