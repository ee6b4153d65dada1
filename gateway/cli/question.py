"""The options by which a command asks a question: a query, its version, its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import orjson

from gateway.errors import MalformedRequest
from gateway.model import Request

Command = Callable[..., Any]


def question_options(command: Command) -> Command:
    """Give a command ``NAME``, ``--version``, ``--param`` and ``--params``."""
    for option in (
        click.option("--params", "document", metavar="JSON", help='All parameters as one JSON object: {"n": 3}.'),
        click.option("--param", "-p", "pairs", multiple=True, metavar="NAME=VALUE", help="One parameter; repeatable."),
        click.option("--version", "-v", type=click.IntRange(min=1), help="Version of the query; else the newest."),
        click.argument("name"),
    ):
        command = option(command)
    return command


def read_question(name: str, version: int | None, pairs: tuple[str, ...], document: str | None) -> Request:
    """Make the request of the given options. Raises ``MalformedRequest``."""
    if pairs and document is not None:
        raise MalformedRequest("Give parameters by --param or by --params, not by both.")
    if document is not None:
        return Request(query=name, version=version, parameters=_read_document(document))
    given: dict[str, list[str]] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise MalformedRequest(f"--param {pair}: write NAME=VALUE.")
        given.setdefault(key, []).append(value)
    return Request(query=name, version=version, parameters=given, textual=True)


def _read_document(text: str) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"--params is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise MalformedRequest('--params is a JSON object, such as {"n": 3}.')
    return document
