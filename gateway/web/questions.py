"""Read the request for the pipeline from the path and the query string or body."""

from __future__ import annotations

import re

from flask import request

from gateway.catalog.snapshot_ids import OPTION
from gateway.errors import MalformedRequest, VersionNotFound, shortened
from gateway.model import Request as Question
from gateway.query.template import Template
from gateway.web.context import found, gateway
from gateway.web.parsing import QueryString, read_json_object

LATEST = "latest"
_VERSION = re.compile(r"v([1-9][0-9]{0,8})")


def read_question(name: str, version: str, options: QueryString) -> Question:
    """Read the question of the current request: parameters as text from a GET, as JSON from a POST.

    Raises what ``version_number`` does, ``VersionNotFound``, ``MalformedRequest``, and what finding a snapshot does.
    """
    number = version_number(name, version)
    template = found(gateway().registry.template(name, number))
    snapshot = read_snapshot(options.options.get(OPTION), template)
    if request.method != "POST":
        return Question(query=name, version=number, parameters=options.parameters, textual=True, snapshot=snapshot)
    for given in options.parameters:
        raise MalformedRequest(
            f"{shortened(given, 64)} belongs in the body: a POST has its parameters there, as one JSON object.",
            option=given,
        )
    body = read_json_object(request)
    for key in body:
        if key.startswith("_"):
            raise MalformedRequest(
                f"{shortened(key, 64)} belongs in the query string: the body holds parameters only.", option=key
            )
    return Question(query=name, version=number, parameters=body, snapshot=snapshot)


def read_snapshot(given: str | None, template: Template, *, option: str = OPTION) -> str | None:
    """Read the name of a snapshot, or a date; None: the newest is asked for. Raises what ``Catalog.resolve`` raises."""
    return None if given is None else gateway().catalog.resolve(template.tables, given, option=option)


def version_number(name: str, version: str) -> int | None:
    """Read ``v2`` or ``latest`` (None). Raises ``QueryNotFound``, ``VersionNotFound``."""
    if version == LATEST:
        return None
    spelled = _VERSION.fullmatch(version)
    if spelled is not None:
        return int(spelled[1])
    gateway().registry.template(name, None)
    available = [f"v{number}" for number in gateway().registry.queries()[name]]
    raise VersionNotFound(f"A version is written v1, v2 … or {LATEST}.", available=available)
