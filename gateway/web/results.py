"""Results: run a query, or read on in its stored answer."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from werkzeug.datastructures import Headers

from gateway.access.base import VARY
from gateway.encode import Format, encode
from gateway.encode.rows import Rows
from gateway.model import Answer, CacheStatus
from gateway.model import Request as Question
from gateway.web.coding import IDENTITY, choose_coding, compress, compressed
from gateway.web.context import gateway, principal_of, record, site
from gateway.web.cursor import Cursor, question_digest, same_question
from gateway.web.directives import read_directives
from gateway.web.echo import echo_header, echoed, instant
from gateway.web.formats import choose_format, choose_shape
from gateway.web.guard import shared
from gateway.web.headers import answer_headers, entity_tag, outcome, proxy_headers
from gateway.web.parsing import RESULT_OPTIONS, QueryString, read_query_string
from gateway.web.patience import TIMEOUT, read_deadline, read_gone
from gateway.web.questions import read_question

routes = Blueprint("results", __name__)
WHOLE = 256 * 1024
"""Bodies of up to this many bytes are sent whole, with their length; longer ones are streamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The rows of a result that one response holds, and the cursor of those after them."""

    offset: int
    rows: int
    total: int
    next: Cursor | None

    @property
    def more(self) -> bool:
        """Tell whether rows follow after this page."""
        return self.offset + self.rows < self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How one response writes a result."""

    format: Format
    shape: str
    page: Page
    coding: str
    """How the body is compressed: ``zstd``, ``gzip`` or ``identity``."""


@routes.route("/v1/queries/<name>/<version>/result", methods=["GET", "POST"])
@routes.route("/v1/queries/<name>/<version>/result.<suffix>", methods=["GET", "POST"])
def result(name: str, version: str, suffix: str | None = None) -> Response:
    options = read_query_string(request.query_string, accepted=RESULT_OPTIONS)
    chosen = choose_format(suffix, options.options.get("_format"), request.accept_mimetypes)
    shape = choose_shape(options.options.get("_shape"), chosen)
    question = read_question(name, version, options)
    _note_question(question)
    coding = choose_coding(request.accept_encodings, chosen)
    deadline = read_deadline(request.headers.getlist(TIMEOUT), site().monotonic)
    if "_cursor" in options.options:
        answer, page = _next_page(question, options)
    else:
        answer, page = _first_page(question, options, deadline)
    _note(answer, chosen)
    variant = Variant(format=chosen, shape=shape, page=page, coding=coding)
    tag = entity_tag(answer.result.key, chosen.name, shape, page.offset, page.rows, coding)
    following = None if page.next is None else _next_url(answer, page.next, suffix, options)
    headers = Headers(_headers(answer, variant, version, suffix, options))
    if following is not None:
        headers.add("Link", f'<{following}>; rel="next"')
    if request.method != "POST" and not answer.status.default:
        headers["ETag"] = f'W/"{tag}"' if answer.result.weak else f'"{tag}"'
        if request.if_none_match.contains_weak(tag):
            return Response(status=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers=headers, content_type=chosen.media_type)
    return _sent(answer, variant, following, headers)


def _first_page(question: Question, options: QueryString, deadline: float | None) -> tuple[Answer, Page]:
    directives = read_directives(request.headers.getlist("Cache-Control"))
    answer = gateway().answer(
        question,
        principal=principal_of(request),
        deadline=deadline,
        directives=directives,
        gone=read_gone(request.environ),
    )
    digest = _digest(question, answer.query.version)
    return answer, _page(answer, digest, 0, options.limit())


def _next_page(question: Question, options: QueryString) -> tuple[Answer, Page]:
    """Slice the stored result that the cursor names; nothing is run. Raises ``CursorExpired``."""
    cursor = Cursor.decode(options.options["_cursor"], site().secret)
    query = gateway().registry.bind(question)
    same_question(cursor, _digest(question, query.version))
    kept = gateway().stored(cursor.key)
    age = max(0.0, site().clock() - kept.created_at)
    status = CacheStatus(hit=True, ttl=query.cache.ttl - age, detail="cursor")
    answer = Answer(query=query, result=kept, status=status, age=age, timings={})
    limit = options.limit()
    return answer, _page(answer, cursor.question, cursor.offset, cursor.limit if limit is None else limit)


def _digest(question: Question, version: int) -> str:
    # A page is of a result, and whose result it is is part of its question.
    scope = principal_of(request).scope
    return question_digest(question.query, version, question.textual, sorted(question.parameters.items()), scope)


def _page(answer: Answer, question: str, offset: int, limit: int | None) -> Page:
    """Cut the page of at most *limit* rows at *offset*; None is all that is left."""
    total = answer.result.table.num_rows
    rows = total - offset if limit is None else min(limit, total - offset)
    end = offset + rows
    following = None
    if limit is not None and end < total:
        following = Cursor(key=answer.result.key, question=question, offset=end, limit=max(limit, 1))
    return Page(offset=offset, rows=max(rows, 0), total=total, next=following)


def _note_question(question: Question) -> None:
    """Tell the access record what is asked, so that an error counts for its query. Raises what binding raises."""
    template = gateway().registry.template(question.query, question.version)
    record().query, record().version = template.name, template.version


def _note(answer: Answer, chosen: Format) -> None:
    """Tell the access record what was answered."""
    noted = record()
    noted.cache, noted.format = outcome(answer.status), chosen.name
    noted.detail = answer.status.detail
    noted.rows, noted.key = answer.result.table.num_rows, answer.result.key
    noted.parameters = echoed(answer.query.parameters)
    noted.partitions = sum(reading.partitions for reading in answer.result.readings)
    noted.partitions_total = sum(reading.partitions_total for reading in answer.result.readings)


def _headers(
    answer: Answer, variant: Variant, version: str, suffix: str | None, options: QueryString
) -> Iterator[tuple[str, str]]:
    kept = request.method != "POST" and not answer.status.default
    yield from answer_headers(answer, shared=shared(answer.query.name), kept=kept)
    if kept and shared(answer.query.name):
        yield from proxy_headers(answer, now=site().clock())
    yield "Gateway-Version", str(answer.query.version)
    understood = echo_header(answer.query.parameters)
    if understood is not None:
        yield "Gateway-Parameters", understood
    yield "Gateway-Rows", str(variant.page.total)
    yield "Gateway-More", "true" if variant.page.more else "false"
    if answer.status.default:
        yield "Gateway-Default", "true"
    yield "Vary", _vary(answer.query.name, suffix is None and "_format" not in options.options)
    path = _path(answer, suffix)
    if version == "latest" and request.method != "POST":
        query = request.query_string.decode()
        yield "Content-Location", f"{path}?{query}" if query else path


def _vary(query: str, negotiated: bool) -> str:
    parts = ["Accept"] if negotiated else []
    return ", ".join([*parts, "Accept-Encoding", *([] if shared(query) else [VARY])])


def _path(answer: Answer, suffix: str | None) -> str:
    ending = f".{suffix}" if suffix is not None else ""
    return f"/v1/queries/{answer.query.name}/v{answer.query.version}/result{ending}"


def _next_url(answer: Answer, cursor: Cursor, suffix: str | None, options: QueryString) -> str:
    """Write the address of the page after: the same question, the same form, the cursor."""
    pairs = [(name, value) for name, values in options.parameters.items() for value in values]
    pairs += [(name, options.options[name]) for name in ("_format", "_shape") if name in options.options]
    return f"{_path(answer, suffix)}?{urlencode([*pairs, ('_cursor', cursor.encode(site().secret))])}"


def _body(answer: Answer, variant: Variant, following: str | None) -> Iterator[bytes]:
    page = variant.page
    rows = Rows.of(answer.result.table.slice(page.offset, page.rows))
    # Only what the validator stands for may be in the body: no age, no timings.
    query = answer.query
    meta = {"query": query.name, "version": query.version, "parameters": echoed(query.parameters)}
    now = instant(query.parameters)
    if now is not None:
        meta["now"] = now
    meta |= {"rows": page.total, "more": page.more}
    if following is not None:
        meta["next"] = following
    return encode(variant.format, rows, answer.result.columns, shape=variant.shape, meta=meta)


def _sent(answer: Answer, variant: Variant, following: str | None, headers: Headers) -> Response:
    """Send the body that was made before; or make it, and keep what is sent whole."""
    form = _form(answer, variant, following)
    kept = gateway().encoding(answer.result.key, form)
    if kept is not None:
        return _response(kept, headers, variant)
    chunks, head, size = _body(answer, variant, following), list[bytes](), 0
    # What fits into one piece is pulled before the response exists, so that an error before it is still a problem.
    for chunk in chunks:
        head.append(chunk)
        size += len(chunk)
        if size > WHOLE:
            return _response(compressed(_resumed(head, chunks), variant.coding), headers, variant)
    body = compress(b"".join(head), variant.coding)
    gateway().keep_encoding(answer.result, form, body)
    return _response(body, headers, variant)


def _response(body: bytes | Iterator[bytes], headers: Headers, variant: Variant) -> Response:
    if variant.coding != IDENTITY:
        headers["Content-Encoding"] = variant.coding
    return Response(body, headers=headers, content_type=variant.format.media_type)


def _form(answer: Answer, variant: Variant, following: str | None) -> str:
    """Name all that a body depends on beside the result: two queries of the same text share results, not bodies."""
    page = variant.page
    parts = (answer.query.name, answer.query.version, variant.format.name, variant.shape, variant.coding)
    return repr((*parts, page.offset, page.rows, following))


def _resumed(head: list[bytes], rest: Iterator[bytes]) -> Generator[bytes]:
    """Yield what was pulled, then the rest; the encoder is closed when the client is gone."""
    try:
        yield from head
        yield from rest
    finally:
        close = getattr(rest, "close", None)
        if close is not None:
            close()
