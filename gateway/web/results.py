"""Result endpoint: run a query, or read the next page of its stored answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from werkzeug.urls import iri_to_uri

from gateway.access.base import VARY
from gateway.answer import Answer, Export, Unread
from gateway.encode import Format, encode
from gateway.execution.work import StreamOptions
from gateway.model import BoundQuery, Summary
from gateway.model import Request as Question
from gateway.web.bound_parameters import echo_header, echoed, instant
from gateway.web.content_coding import IDENTITY, choose_coding, compress, compressed
from gateway.web.context import gateway, principal_of, record, site
from gateway.web.directives import read_directives
from gateway.web.formats import choose_format, choose_shape
from gateway.web.guard import shared
from gateway.web.headers import answer_headers, cache_status, outcome, server_timing, template_headers
from gateway.web.paging import Enough, Page, first_of, first_page, next_page
from gateway.web.parsing import RESULT_OPTIONS, QueryString, read_query_string
from gateway.web.questions import read_question
from gateway.web.rendering import render
from gateway.web.representation import Representation, Variant
from gateway.web.responses import FIXED_HEADERS, Header, ResultResponse, Reuse, VolatileHeaders
from gateway.web.reuse import next_lifecycle_instant, reuse_of
from gateway.web.sending import close, closed_on_error, resumed
from gateway.web.timeouts import TIMEOUT, read_deadline, read_gone

routes = Blueprint("results", __name__)
WHOLE = 256 * 1024
"""Bodies of up to this many bytes are sent whole, with their length; longer ones are streamed."""


@routes.route("/v1/queries/<name>/<version>/result", methods=["GET", "POST"])
@routes.route("/v1/queries/<name>/<version>/result.<suffix>", methods=["GET", "POST"])
def result(name: str, version: str, suffix: str | None = None) -> Response:
    options = read_query_string(request.query_string, accepted=RESULT_OPTIONS)
    chosen = choose_format(suffix, options.options.get("_format"), request.accept_mimetypes)
    shape = choose_shape(options.options.get("_shape"), chosen)
    question = read_question(name, version, options)
    _note_question(question)
    settled_until = next_lifecycle_instant(question.query)  # before it is bound: a day may begin meanwhile
    coding = choose_coding(request.accept_encodings, chosen)
    variant = Variant(format=chosen, shape=shape, coding=coding)
    deadline = read_deadline(request.headers.getlist(TIMEOUT), site().monotonic)
    if "_cursor" in options.options:
        answer: Answer | Export | Unread
        answer, page = next_page(question, options, _enough_for(variant, suffix, options))
    else:
        answer, page = _first_page(question, options, variant, suffix, deadline)
    with closed_on_error(answer):
        now = site().clock()  # the answer's age is of now, not of when its body is written
        given = _represented(answer, page, variant, suffix, options)
        reuse = reuse_of(question, answer, options, settled_until=settled_until)
        return _rendered(_response(given, reuse, version, suffix, options), answer, now)


def _first_page(
    question: Question, options: QueryString, variant: Variant, suffix: str | None, deadline: float | None
) -> tuple[Answer | Export | Unread, Page]:
    limit, enough = options.limit(), _enough_for(variant, suffix, options)

    def suffices(query: BoundQuery, summary: Summary) -> bool:
        return enough is not None and enough(query, summary, first_of(summary, query, question, limit))

    # A column is written after the other, so all rows must be there.
    whole = limit is None and variant.shape == "columns"

    def has(key: str) -> bool:
        return limit is None and request.method != "POST" and _holds(variant.alike(key))

    answer = gateway().answer(
        question,
        principal=principal_of(request),
        deadline=deadline,
        directives=read_directives(request.headers.getlist("Cache-Control")),
        gone=read_gone(request.environ),
        stream=None if whole else StreamOptions(limit=limit, has=has),
        suffices=None if enough is None else suffices,
    )
    return answer, first_page(answer, question, limit)


def _enough_for(variant: Variant, suffix: str | None, options: QueryString) -> Enough | None:
    """Return what tells whether the client can do without the rows of a page: it names it as one that it has, written
    so, or asks for the headers alone. None where it cannot.
    """
    if request.method == "HEAD":
        return lambda query, summary, page: True
    if request.method == "POST" or not request.if_none_match:
        return None

    def enough(query: BoundQuery, summary: Summary, page: Page) -> bool:
        return _holds(variant.exact(summary.digest, page, _meta(query, page, _following(query, page, suffix, options))))

    return enough


def _holds(tag: str) -> bool:
    """Tell whether ``If-None-Match`` names *tag*."""
    return request.if_none_match.contains_weak(tag)


def _represented(
    answer: Answer | Export | Unread, page: Page, variant: Variant, suffix: str | None, options: QueryString
) -> Representation:
    following = _following(answer.query, page, suffix, options)
    meta = _meta(answer.query, page, following)
    body = None if isinstance(answer, Export) else variant.exact(answer.result.digest, page, meta)
    return Representation(answer=answer, page=page, variant=variant, meta=meta, following=following, body=body)


def _response(
    given: Representation, reuse: Reuse | None, version: str, suffix: str | None, options: QueryString
) -> ResultResponse:
    """Make the response: status, headers and body; *reuse* tells where the same is found again."""
    answer = given.answer
    _note(answer, given.page, given.variant.format)
    headers = list(_stable_headers(given, version, suffix, options))
    tag = None if request.method == "POST" else given.tag
    if tag is not None:
        headers.append(("ETag", tag[1]))
    status = 304 if tag is not None and _holds(tag[0]) else 200
    body: bytes | Iterator[bytes] | None = None
    if status == 200:
        headers.append(("Content-Type", given.variant.format.media_type))
        if request.method != "HEAD":
            headers += [("Content-Encoding", given.variant.coding)] if given.variant.coding != IDENTITY else []
            body = _body(given)
    return ResultResponse(
        status=status,
        headers=tuple(headers),
        volatile=VolatileHeaders(_lifetime(answer)),
        body=body,
        form=None if body is None else given.body,
        record=record(),
        reuse=reuse,
    )


def _rendered(response: ResultResponse, answer: Answer | Export | Unread, now: float) -> Response:
    """Have Flask write a response; the work behind it ends with its rows, or now where it sends none."""
    status, timing = cache_status(answer.status), server_timing(answer.timings)
    rendered = render(response, response.volatile.pairs(answer.age, status, timing, now))
    if response.body is None:
        close(answer)
    elif not isinstance(response.body, bytes):
        rendered.call_on_close(lambda: close(answer))
    return rendered


def _note_question(question: Question) -> None:
    """Note the query in the access record, so that an error counts for it. Raises what binding raises."""
    template = gateway().registry.template(question.query, question.version)
    record().query, record().version = template.name, template.version


def _note(answer: Answer | Export | Unread, page: Page, chosen: Format) -> None:
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
    policy, everybody = answer.query.cache, shared(answer.query.name)
    told = policy.enabled and everybody and not isinstance(answer, Export) and _may_be_kept(answer)
    return policy.ttl if told else None


def _stable_headers(given: Representation, version: str, suffix: str | None, options: QueryString) -> Iterator[Header]:
    """Return the headers that are the same for as long as the result is."""
    answer, page = given.answer, given.page
    query, everybody = answer.query, shared(answer.query.name)
    yield from answer_headers(answer, shared=everybody, kept=_may_be_kept(answer), max_stale=site().max_stale)
    yield "Gateway-Version", str(query.version)
    understood = echo_header(query.parameters)
    if understood is not None:
        yield "Gateway-Parameters", understood
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
        yield from template_headers(template)
    yield from FIXED_HEADERS


def _vary(query: str, negotiated: bool) -> str:
    parts = ["Accept"] if negotiated else []
    return ", ".join([*parts, "Accept-Encoding", *([] if shared(query) else [VARY])])


def _path(query: BoundQuery, suffix: str | None) -> str:
    ending = f".{suffix}" if suffix is not None else ""
    return f"/v1/queries/{query.name}/v{query.version}/result{ending}"


def _following(query: BoundQuery, page: Page, suffix: str | None, options: QueryString) -> str | None:
    """Write the address of the page after, if there is one: the same question, the same form, the cursor."""
    if page.next is None:
        return None
    pairs = [(name, value) for name, values in options.parameters.items() for value in values]
    pairs += [(name, options.options[name]) for name in ("_format", "_shape") if name in options.options]
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


def _body(given: Representation) -> bytes | Iterator[bytes]:
    """Return the body that was made before; or make it, and keep what is sent whole of a result that is kept."""
    answer, variant, name = given.answer, given.variant, given.body
    assert not isinstance(answer, Unread)  # a response without a body
    made = None if name is None else gateway().cache.encoding(answer.result.key, name)
    if made is not None:
        return made
    content, columns, shape = given.page.content, answer.result.columns, variant.shape
    chunks = encode(variant.format, content, columns, shape=shape, meta=given.meta)
    head, size = list[bytes](), 0
    # What fits into one piece is pulled before the response exists, so that an error before it is still a problem.
    for chunk in chunks:
        head.append(chunk)
        size += len(chunk)
        if size > WHOLE:
            return compressed(resumed(head, chunks), variant.coding)
    body = compress(b"".join(head), variant.coding)
    if isinstance(answer, Answer) and name is not None:
        gateway().cache.keep_encoding(answer.result, name, body)
    return body
