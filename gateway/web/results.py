"""Result endpoint: run a query, or read the next page of its stored answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from werkzeug.urls import iri_to_uri

from gateway.access.base import VARY
from gateway.answer import Answer, Export, Unread
from gateway.catalog.snapshot_ids import OPTION
from gateway.encode import Format
from gateway.errors import EngineFailed
from gateway.execution.lives import MAX_LIVES
from gateway.execution.work import StreamOptions
from gateway.model import BoundQuery, Summary
from gateway.model import Request as Question
from gateway.web.bound_parameters import echo_header, echoed, instant, texts
from gateway.web.content_coding import IDENTITY
from gateway.web.context import gateway, here, principal_of, record, site
from gateway.web.directives import read_directives
from gateway.web.file_name import content_disposition
from gateway.web.formats import CSV_OPTIONS, choose_dialect, choose_format, choose_shape
from gateway.web.guard import shared
from gateway.web.headers import (
    answer_headers,
    cache_status,
    engine_of,
    outcome,
    requests_of,
    server_timing,
    template_headers,
    told_policy,
)
from gateway.web.paging import Enough, Page, first_of, first_page, next_page
from gateway.web.parsing import RESULT_OPTIONS, QueryString, read_query_string
from gateway.web.payload import payload_of, unchanged
from gateway.web.preconditions import (
    asks_for_range,
    check_match,
    chosen_coding,
    holds,
    is_decided_by,
    other_codings,
    range_of,
)
from gateway.web.questions import read_question
from gateway.web.rendering import render
from gateway.web.representation import Representation, Variant, body_name
from gateway.web.responses import FIXED_HEADERS, Header, ResultResponse, Reuse, VolatileHeaders
from gateway.web.reuse import next_lifecycle_instant, reuse_of
from gateway.web.sending import close, closed_on_error
from gateway.web.timeouts import TIMEOUT, read_deadline, read_gone

Given = TypeVar("Given")
routes = Blueprint("results", __name__)


@routes.route("/v1/queries/<name>/<version>/result", methods=["GET", "POST"])
@routes.route("/v1/queries/<name>/<version>/result.<suffix>", methods=["GET", "POST"])
def result(name: str, version: str, suffix: str | None = None) -> Response:
    options = read_query_string(request.query_string, accepted=RESULT_OPTIONS)
    chosen = choose_format(suffix, options.options.get("_format"), request.headers.get("Accept", ""))
    shape = choose_shape(options.options.get("_shape"), chosen)
    question = read_question(name, version, options)
    note_question(question)
    settled_until = next_lifecycle_instant(question.query)  # before it is bound: a day may begin meanwhile
    dialect = choose_dialect(options.options, chosen)
    variant = Variant(format=chosen, shape=shape, coding=chosen_coding(chosen), dialect=dialect)
    deadline = read_deadline(request.headers.getlist(TIMEOUT), site().monotonic)

    def answered() -> Response:
        if "_cursor" in options.options:
            answer: Answer | Export | Unread
            answer, page = next_page(question, options, _enough_for(variant, suffix, options))
        else:
            answer, page = _first_page(question, options, variant, suffix, deadline)
        with closed_on_error(answer):
            now = site().clock()  # the answer's age is of now, not of when its body is written
            given = _represented(answer, page, variant, suffix, options)
            reuse = reuse_of(question, answer, options, settled_until=settled_until)
            return rendered(response_of(given, reuse, version, suffix, options), answer, now)

    return outliving(answered)


def outliving(answered: Callable[[], Given]) -> Given:
    """Answer again where the engine's process ends before the first byte of rows that are sent while computed."""
    for _ in range(MAX_LIVES - 1):
        try:
            return answered()
        except EngineFailed as error:
            if error.lost is None:
                raise
            record().error = None
    return answered()


def _first_page(
    question: Question, options: QueryString, variant: Variant, suffix: str | None, deadline: float | None
) -> tuple[Answer | Export | Unread, Page]:
    limit, enough = options.limit(), _enough_for(variant, suffix, options)

    def suffices(query: BoundQuery, summary: Summary) -> bool:
        return enough is not None and enough(query, summary, first_of(summary, query, limit))

    # A column is written after the other, and a workbook has a bound of rows, so all rows must be there.
    whole = limit is None and (variant.shape == "columns" or variant.format.max_rows is not None)

    def has(key: str) -> bool:
        return limit is None and request.method != "POST" and holds(variant.alike(key))

    answer = gateway().answer(
        question,
        principal=principal_of(request),
        deadline=deadline,
        directives=read_directives(request.headers.getlist("Cache-Control")),
        gone=read_gone(request.environ),
        stream=None if whole else StreamOptions(limit=limit, has=has, waits=_needs_length()),
        suffices=None if enough is None else suffices,
    )
    return answer, first_page(answer, limit)


def _enough_for(variant: Variant, suffix: str | None, options: QueryString) -> Enough | None:
    """Return what tells whether the client can do without the rows of a page: it names it as one that it has, written
    so, or as one that it has not; or asks for headers that can be told without. None where it cannot.
    """
    head = request.method == "HEAD"
    if request.method == "POST" or not (head or request.if_none_match or "If-Match" in request.headers):
        return None

    def enough(query: BoundQuery, summary: Summary, page: Page) -> bool:
        tag = variant.exact(summary.digest, page, _meta(query, page, _following(query, page, suffix, options)))
        return is_decided_by(tag) or (head and site().lengths.of(tag) is not None)

    return enough


def _needs_length() -> bool:
    """Tell whether the answer names the length of the body, for which all rows must be there."""
    return request.method == "HEAD" or asks_for_range()


def _represented(
    answer: Answer | Export | Unread, page: Page, variant: Variant, suffix: str | None, options: QueryString
) -> Representation:
    following = _following(answer.query, page, suffix, options)
    meta = _meta(answer.query, page, following)
    body = body_name(answer, page, variant, meta)
    given = Representation(answer=answer, page=page, variant=variant, meta=meta, following=following, body=body)
    if body is None or is_decided_by(body):
        return given
    begun = map(given.coded, other_codings(variant.format, variant.coding))
    return next((other for other in begun if range_of(other.tag) is not None), given)


def response_of(
    given: Representation, reuse: Reuse | None, version: str, suffix: str | None, options: QueryString
) -> ResultResponse:
    """Make the response: status, headers and body; *reuse* tells where the same is found again."""
    answer = given.answer
    note(answer, given.page, given.variant.format)
    headers = list(_stable_headers(given, version, suffix, options))
    tag = None if request.method == "POST" else given.tag
    check_match(tag)
    if tag is not None and holds(tag[0]):
        payload = unchanged(given)
    else:
        payload = payload_of(given)
        headers.append(("Content-Type", given.variant.format.media_type))
        headers += [("Content-Encoding", given.variant.coding)] if given.variant.coding != IDENTITY else []
    headers += [*payload.headers, *([("ETag", tag[1])] if tag is not None else [])]
    return ResultResponse(
        status=payload.status,
        headers=tuple(headers),
        volatile=VolatileHeaders(_lifetime(answer)),
        body=payload.body,
        length=payload.length,
        form=None if payload.body is None else given.body,
        record=record(),
        reuse=reuse if payload.body is None or isinstance(payload.body, bytes) else None,
    )


def rendered(response: ResultResponse, answer: Answer | Export | Unread, now: float) -> Response:
    """Have Flask write a response; the work behind it ends with its rows, or now where its body is there."""
    status, timing = cache_status(answer.status), server_timing(answer.timings)
    engine, requests = engine_of(answer), requests_of(answer)
    told = [] if engine is None else [("Gateway-Engine", engine)]
    told += [] if requests is None else [("Gateway-Requests", str(requests))]
    rendered = render(response, [*response.volatile.pairs(answer.age, status, timing, now), *told])
    if response.body is None or isinstance(response.body, bytes):  # all rows are written, however many they were
        close(answer)
    else:
        rendered.call_on_close(lambda: close(answer))
    return rendered


def note_question(question: Question) -> None:
    """Note the query in the access record, so that an error counts for it. Raises what binding raises."""
    template = gateway().registry.template(question.query, question.version)
    record().query, record().version = template.name, template.version


def note(answer: Answer | Export | Unread, page: Page, chosen: Format) -> None:
    """Note the answer in the access record."""
    noted = record()
    noted.cache, noted.format = outcome(answer.status), chosen.name
    noted.detail, noted.outcome = answer.status.detail, answer.status.outcome
    noted.rows, noted.key = page.total, answer.result.key
    noted.parameters = echoed(answer.query.parameters)
    noted.partitions = sum(reading.partitions for reading in answer.result.readings)
    noted.partitions_total = sum(reading.partitions_total for reading in answer.result.readings)


def _may_be_kept(answer: Answer | Export | Unread) -> bool:
    """Tell whether caches on the way may keep a response."""
    return request.method != "POST" and not answer.status.default


def _lifetime(answer: Answer | Export | Unread) -> float | None:
    """Return for how long after its making proxies may give an answer; None where they are told nothing."""
    policy, everybody = told_policy(answer, site().clock()), shared(answer.query.name)
    told = policy.enabled and everybody and not isinstance(answer, Export) and _may_be_kept(answer)
    return policy.ttl if told else None


def _stable_headers(given: Representation, version: str, suffix: str | None, options: QueryString) -> Iterator[Header]:
    """Return the headers that are the same for as long as the result is."""
    answer, page = given.answer, given.page
    query, everybody = answer.query, shared(answer.query.name)
    now, kept = site().clock(), _may_be_kept(answer)
    yield from answer_headers(answer, now=now, shared=everybody, kept=kept, max_stale=site().max_stale)
    yield "Gateway-Version", str(query.version)
    understood = echoed(query.parameters)
    yield "Content-Disposition", content_disposition(query.name, query.version, understood, given.variant.format)
    written = echo_header(query, record().template)
    if written is not None:
        yield "Gateway-Parameters", written
    if page.total is not None:
        yield "Gateway-Rows", str(page.total)
    yield "Gateway-More", "true" if page.more else "false"
    if answer.status.default:
        yield "Gateway-Default", "true"
    yield "Vary", _vary(query.name, suffix is None and "_format" not in options.options)
    path = _path(query, suffix)
    if version == "latest" and request.method != "POST":
        text = request.query_string.decode()
        # Percent-encoded as Flask sends it, because a hit sends it as it is here.
        yield "Content-Location", iri_to_uri(f"{path}?{text}" if text else path)
    if given.following is not None:
        yield "Link", f'<{given.following}>; rel="next"'
    template = record().template
    if template is not None:
        yield from template_headers(template, request.script_root)
    yield from FIXED_HEADERS
    yield from site().cors.headers(request.headers.get("Origin"))


def _vary(query: str, negotiated: bool) -> str:
    parts = ["Accept"] if negotiated else []
    return ", ".join([*parts, "Accept-Encoding", *([] if shared(query) else [VARY]), *site().varying])


def _path(query: BoundQuery, suffix: str | None) -> str:
    ending = f".{suffix}" if suffix is not None else ""
    return here(f"/v1/queries/{query.name}/v{query.version}/result{ending}")


def _following(query: BoundQuery, page: Page, suffix: str | None, options: QueryString) -> str | None:
    """Write the address of the page after, if there is one: the same question, the same form, the cursor."""
    if page.next is None:
        return None
    given = options.parameters
    if request.method != "POST" and page.next.relative:
        meant = echoed(query.parameters)
        given = {**given, **{name: texts(meant[name]) for name in page.next.relative}}
    pairs = [(name, value) for name, values in given.items() for value in values]
    repeated = ("_format", "_shape", OPTION, *CSV_OPTIONS)
    pairs += [(name, options.options[name]) for name in repeated if name in options.options]
    return f"{_path(query, suffix)}?{urlencode([*pairs, ('_cursor', page.next.encode(site().secret()))])}"


def _meta(query: BoundQuery, page: Page, following: str | None) -> Mapping[str, Any]:
    """Return what JSON says beside the rows: nothing that changes while the answer is the same, as its age does."""
    meta: dict[str, Any] = {"query": query.name, "version": query.version, "parameters": echoed(query.parameters)}
    now = instant(query.parameters)
    if now is not None:
        meta["now"] = now
    if page.total is not None or page.rows is not None:
        meta["rows"] = page.total
    meta["more"] = page.more
    if following is not None:
        meta["next"] = following
    return meta
