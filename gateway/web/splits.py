"""Splits endpoints: plan how a result is read in parallel, and read one part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from gateway.answer import Export
from gateway.datasets.splits import MOST, Part, Sized, SplitPlan, Splits, reading_order
from gateway.encode.rows import Rows
from gateway.errors import InvalidParameters, MalformedRequest, quoted
from gateway.model import Request as Question
from gateway.suggestions import did_you_mean
from gateway.web.bound_parameters import echoed, instant
from gateway.web.context import found, gateway, here, principal_of, site
from gateway.web.documents import json_response
from gateway.web.formats import choose_dialect, choose_form
from gateway.web.paging import Page, first_page
from gateway.web.parsing import MAX_ROWS, RESULT_OPTIONS, no_parameters, read_json_object, read_query_string
from gateway.web.preconditions import chosen_coding, holds
from gateway.web.questions import read_snapshot, version_number
from gateway.web.representation import Representation, Variant, body_name
from gateway.web.results import outliving, rendered, response_of
from gateway.web.sending import closed_on_error
from gateway.web.split_address import read_address, write_address
from gateway.web.timeouts import TIMEOUT, read_deadline, read_gone

routes = Blueprint("splits", __name__)
OPTIONS: Final = ("_plan", "_from", "_format", "_bom", "_delimiter")
_ASKED: Final = ("parameters", "splits", "seed", "epoch", "snapshot")
_SPLITS: Final = 16
"""Splits where the caller does not say how many."""
_LONGEST: Final = 6_000
"""Characters of the address of a split: servers and proxies refuse those of 8 kB."""
_SEEDS: Final = 2**53


@routes.post("/v1/queries/<name>/<version>/splits")
def plan(name: str, version: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    template = found(gateway().registry.template(name, version_number(name, version)))
    body = _read_body(read_json_object(request))
    snapshot = read_snapshot(body.get("snapshot"), template, option="snapshot")
    question = Question(
        query=name, version=template.version, parameters=body.get("parameters") or {}, snapshot=snapshot
    )
    deadline = read_deadline(request.headers.getlist(TIMEOUT), site().monotonic)
    count = body.get("splits", _SPLITS)
    made = Splits(gateway=gateway()).plan(question, principal=principal_of(request), count=count, deadline=deadline)
    response = json_response(_document(made, body.get("seed"), body.get("epoch")))
    response.headers["Cache-Control"] = "no-store"
    if made.query.snapshot is not None:
        response.headers["Gateway-Snapshot"] = made.query.snapshot
    return response


@routes.get("/v1/queries/<name>/<version>/splits/<int:number>")
def split(name: str, version: str, number: int) -> Response:
    options = read_query_string(request.query_string, accepted=OPTIONS, elsewhere=RESULT_OPTIONS)
    no_parameters(options)
    template = found(gateway().registry.template(name, version_number(name, version)))
    asked, parameters = read_address(options.options.get("_plan"), number)
    skip = _read_row(options.options.get("_from"))
    chosen = choose_form(options.options.get("_format"), request.headers.get("Accept", ""))
    dialect = choose_dialect(options.options, chosen)
    variant = Variant(format=chosen, shape="objects", coding=chosen_coding(chosen), dialect=dialect)
    question = Question(query=name, version=template.version, parameters=parameters)

    def answered() -> Response:
        part = Splits(gateway=gateway()).read(
            question,
            asked,
            principal=principal_of(request),
            skip=skip,
            deadline=read_deadline(request.headers.getlist(TIMEOUT), site().monotonic),
            gone=read_gone(request.environ),
            has=lambda key: holds(variant.alike(key)),
        )
        with closed_on_error(part.answer):
            now, page = site().clock(), _page(part)
            body = body_name(part.answer, page, variant, {})
            given = Representation(answer=part.answer, page=page, variant=variant, meta={}, following=None, body=body)
            return rendered(response_of(given, None, f"v{template.version}", None, options), part.answer, now)

    return outliving(answered)


def _page(part: Part) -> Page:
    """Cut the rows of a split from the answer that has them."""
    answer = part.answer
    if part.stop is None or isinstance(answer, Export):
        return first_page(answer, None)
    rows = part.stop - part.start
    content = Rows.of(answer.result.table.slice(part.start, rows))
    return Page(offset=part.start, rows=rows, total=rows, more=False, next=None, content=content)


def _document(made: SplitPlan, seed: int | None, epoch: int | None) -> dict[str, Any]:
    query, given = made.query, echoed(made.query.parameters)
    now = instant(query.parameters)
    order: Sequence[int] = range(len(made.splits))
    if seed is not None or epoch is not None:
        order = reading_order(len(made.splits), seed=seed or 0, epoch=epoch or 0)
    sizes, rows = [each.size for each in made.splits], [each.rows for each in made.splits]
    return {
        "id": made.id,
        "query": query.name,
        "version": query.version,
        "parameters": given,
        **({} if now is None else {"now": now}),
        "snapshot": query.snapshot,
        "columns": [{"name": column.name, "type": column.type} for column in made.columns],
        "rows": None if None in rows else sum(filter(None, rows)),
        "bytes": None if None in sizes else sum(filter(None, sizes)),
        "by": made.splits[0].split.by,
        "seed": seed,
        "epoch": epoch,
        "splits": [_described(made, made.splits[number], given) for number in order],
    }


def _described(made: SplitPlan, sized: Sized, given: dict[str, Any]) -> dict[str, Any]:
    query, number = made.query, sized.split.number
    path = here(f"/v1/queries/{query.name}/v{query.version}/splits/{number}")
    address = f"{path}?{urlencode({'_plan': write_address(sized.split, given)})}"
    if len(address) > _LONGEST:
        detail = "are too long for the addresses of splits: give shorter lists, or a query of its own"
        raise InvalidParameters([{"parameter": "parameters", "detail": detail}])
    return {"number": number, "rows": sized.rows, "bytes": sized.size, "url": address}


def _read_body(body: dict[str, Any]) -> dict[str, Any]:
    """Check what is asked of a plan. Raises ``MalformedRequest`` and ``InvalidParameters``."""
    for key in body:
        if key not in _ASKED:
            hint = did_you_mean(key, _ASKED) or f"accepted: {', '.join(_ASKED)}."
            raise MalformedRequest(f"Unknown member {quoted(key)} of the body; {hint}", option=key)
    wrong = [
        {"parameter": key, "detail": f"is a whole number from {least} to {most:,}"}
        for key, least, most in (("splits", 1, MOST), ("seed", 0, _SEEDS - 1), ("epoch", 0, _SEEDS - 1))
        if key in body and (type(body[key]) is not int or not least <= body[key] <= most)
    ]
    if not isinstance(body.get("parameters", {}), dict | None):
        wrong.append({"parameter": "parameters", "detail": "is an object: a value for each name"})
    if not isinstance(body.get("snapshot"), str | None):
        wrong.append({"parameter": "snapshot", "detail": "is a text: a snapshot or a date"})
    if wrong:
        raise InvalidParameters(wrong)
    return body


def _read_row(text: str | None) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= MAX_ROWS):
        raise MalformedRequest(
            f"_from is the number of a row of the split, from 0 to {MAX_ROWS}, in digits.", option="_from"
        )
    return int(text)
