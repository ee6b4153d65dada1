"""Options of commands that ask a query: its name, version and parameters, or ad hoc SQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.errors import MalformedRequest
from gateway.model import BoundQuery, Request
from gateway.pipeline import Gateway
from gateway.query.adhoc import Adhoc

Command = Callable[..., Any]


def question_options(command: Command) -> Command:
    """Give a command ``NAME``, ``--version``, ``--sql``, ``--param`` and ``--params``."""
    for option in (
        click.option("--params", "document", metavar="JSON", help='All parameters as one JSON object: {"n": 3}.'),
        click.option("--param", "-p", "pairs", multiple=True, metavar="NAME=VALUE", help="One parameter; repeatable."),
        click.option("--sql", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="SQL in a file."),
        click.option("--version", "-v", type=click.IntRange(min=1), help="Version of the query; else the newest."),
        click.argument("name", required=False),
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
) -> BoundQuery:
    """Bind what the options ask. Raises ``RequestError``, ``TemplateInvalid``."""
    if (name is None) == (sql is None):
        raise click.UsageError("Give the name of a query, or --sql and a file.")
    if pairs and document is not None:
        raise click.UsageError("Give parameters by --param or by --params, not by both.")
    if sql is not None:
        given = _read_document(document or "{}") | {key: _natural(values) for key, values in _read_pairs(pairs).items()}
        adhoc = Adhoc(sql.read_text(encoding="utf-8"), str(sql), gateway.catalog.tables)
        return adhoc.bind(given, {n: snapshot.columns for n, snapshot in gateway.catalog.pin(adhoc.tables).items()})
    if document is not None:
        return gateway.registry.bind(Request(query=name or "", version=version, parameters=_read_document(document)))
    request = Request(query=name or "", version=version, parameters=_read_pairs(pairs), textual=True)
    return gateway.registry.bind(request)


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
            values.append(orjson.loads(text))
        except orjson.JSONDecodeError:
            values.append(text)
    return values[0] if len(values) == 1 else values


def _read_document(text: str) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"--params is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise MalformedRequest('--params is a JSON object, such as {"n": 3}.')
    return document
