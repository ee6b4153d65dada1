"""Results: run a query, or read on in its stored answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, request
from werkzeug.datastructures import Headers

from gateway.access.base import VARY
from gateway.encode import ENCODERS, Format, encode
from gateway.model import Answer, BoundQuery, Export, Summary, Unread
from gateway.model import Request as Question
from gateway.web.bound_parameters import echo_header, echoed, instant
from gateway.web.content_coding import IDENTITY, choose_coding, compress, compressed
from gateway.web.context import gateway, principal_of, record, site
from gateway.web.directives import read_directives
from gateway.web.formats import choose_format, choose_shape
from gateway.web.front_teach import teach
from gateway.web.guard import shared
from gateway.web.headers import answer_headers, entity_tag, outcome, proxy_headers
from gateway.web.paging import Enough, Page, first_of, first_page, next_page
from gateway.web.parsing import RESULT_OPTIONS, QueryString, read_query_string
from gateway.web.questions import read_question
from gateway.web.sending import closed_on_error, closing_with, resumed, without_body
from gateway.web.timeouts import TIMEOUT, read_deadline, read_gone

routes = Blueprint("results", __name__)
WHOLE = 256 * 1024
"""Bodies of up to this many bytes are sent whole, with their length; longer ones are streamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How one response writes a result."""

    format: Format
    shape: str
    coding: str
    """How the body is compressed: ``zstd``, ``gzip`` or ``identity``."""

    def exact(self, digest: str, page: Page, meta: Mapping[str, Any]) -> str:
        """Make the strong validator of a page of a result, written so: it is of exactly these bytes."""
        beside = orjson.dumps(meta) if self.format.name == "json" else b""
        return entity_tag(digest, ENCODERS, self.format.name, self.shape, self.coding, page.offset, page.rows, beside)

    def alike(self, key: str) -> str:
        """Make the weak validator of all rows of *key*: computed again they may differ in order and last digits."""
        return entity_tag(key, "alike", self.format.name, self.shape, self.coding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """What one response gives of an answer: a page of its rows, written in one way.

    ``meta`` are the members that JSON has beside the rows, ``following`` is the address of the next page. ``body``
    names the bytes of the body, and is None where they are not known before they are sent.
    """

    answer: Answer | Export | Unread
    page: Page
    variant: Variant
    meta: Mapping[str, Any]
    following: str | None
    body: str | None

    @property
    def tag(self) -> tuple[str, str] | None:
        """Return the validator, as it is compared and as it is written; None where there is none.

        What is sent while it is computed has a weak one, and none where it is only the first of many rows.
        """
        if not isinstance(self.answer, Export):
            opaque = self.body if self.answer.result.digest and not self.answer.status.default else None
            return None if opaque is None else (opaque, f'"{opaque}"')
        if self.page.rows is not None:
            return None
        opaque = self.variant.alike(self.answer.result.key)
        return opaque, f'W/"{opaque}"'


@routes.route("/v1/queries/<name>/<version>/result", methods=["GET", "POST"])
@routes.route("/v1/queries/<name>/<version>/result.<suffix>", methods=["GET", "POST"])
def result(name: str, version: str, suffix: str | None = None) -> Response:
    options = read_query_string(request.query_string, accepted=RESULT_OPTIONS)
    chosen = choose_format(suffix, options.options.get("_format"), request.accept_mimetypes)
    shape = choose_shape(options.options.get("_shape"), chosen)
    question = read_question(name, version, options)
    _note_question(question)
    coding = choose_coding(request.accept_encodings, chosen)
    variant = Variant(format=chosen, shape=shape, coding=coding)
    deadline = read_deadline(request.headers.getlist(TIMEOUT), site().monotonic)
    if "_cursor" in options.options:
        answer: Answer | Export | Unread
        answer, page = next_page(question, options, _enough_for(variant, suffix, options))
    else:
        answer, page = _first_page(question, options, variant, suffix, deadline)
    with closed_on_error(answer):
        given = _represented(answer, page, variant, suffix, options)
        response = _answered(given, version, suffix, options)
    if not isinstance(answer, Export):
        body = request.method != "HEAD" and response.status_code != 304
        teach(question, answer, options, given.body if body else None)
    return response


def _first_page(
    question: Question, options: QueryString, variant: Variant, suffix: str | None, deadline: float | None
) -> tuple[Answer | Export | Unread, Page]:
    limit, enough = options.limit(), _enough_for(variant, suffix, options)

    def suffices(query: BoundQuery, summary: Summary) -> bool:
        return enough is not None and enough(query, summary, first_of(summary, query, question, limit))

    answer = gateway().export(
        question,
        principal=principal_of(request),
        deadline=deadline,
        directives=read_directives(request.headers.getlist("Cache-Control")),
        gone=read_gone(request.environ),
        limit=limit,
        # A column is written after the other, so all rows must be there.
        whole=limit is None and variant.shape == "columns",
        has=lambda key: limit is None and request.method != "POST" and _holds(variant.alike(key)),
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
    """Tell whether the client names the representation of *tag* as one that it has."""
    return request.if_none_match.contains_weak(tag)


def _represented(
    answer: Answer | Export | Unread, page: Page, variant: Variant, suffix: str | None, options: QueryString
) -> Representation:
    following = _following(answer.query, page, suffix, options)
    meta = _meta(answer.query, page, following)
    body = None if isinstance(answer, Export) else variant.exact(answer.result.digest, page, meta)
    return Representation(answer=answer, page=page, variant=variant, meta=meta, following=following, body=body)


def _answered(given: Representation, version: str, suffix: str | None, options: QueryString) -> Response:
    answer, variant = given.answer, given.variant
    _note(answer, given.page, variant.format)
    headers = Headers(_headers(answer, given.page, version, suffix, options))
    if given.following is not None:
        headers.add("Link", f'<{given.following}>; rel="next"')
    if request.method != "POST" and (tag := given.tag) is not None:
        headers["ETag"] = tag[1]
        if _holds(tag[0]):
            return without_body(Response(status=304, headers=headers), answer)
    if request.method == "HEAD":
        return without_body(Response(headers=headers, content_type=variant.format.media_type), answer)
    return _sent(given, headers)


def _note_question(question: Question) -> None:
    """Tell the access record what is asked, so that an error counts for its query. Raises what binding raises."""
    template = gateway().registry.template(question.query, question.version)
    record().query, record().version = template.name, template.version


def _note(answer: Answer | Export | Unread, page: Page, chosen: Format) -> None:
    """Tell the access record what was answered."""
    noted = record()
    noted.cache, noted.format = outcome(answer.status), chosen.name
    noted.detail = answer.status.detail
    noted.rows, noted.key = page.total, answer.result.key
    noted.parameters = echoed(answer.query.parameters)
    noted.partitions = sum(reading.partitions for reading in answer.result.readings)
    noted.partitions_total = sum(reading.partitions_total for reading in answer.result.readings)


def _headers(
    answer: Answer | Export | Unread, page: Page, version: str, suffix: str | None, options: QueryString
) -> Iterator[tuple[str, str]]:
    kept = request.method != "POST" and not answer.status.default
    yield from answer_headers(answer, shared=shared(answer.query.name), kept=kept, max_stale=site().max_stale)
    if kept and not isinstance(answer, Export) and shared(answer.query.name):
        yield from proxy_headers(answer, now=site().clock())
    yield "Gateway-Version", str(answer.query.version)
    understood = echo_header(answer.query.parameters)
    if understood is not None:
        yield "Gateway-Parameters", understood
    if page.total is not None:
        yield "Gateway-Rows", str(page.total)
    yield "Gateway-More", "true" if page.more else "false"
    if answer.status.default:
        yield "Gateway-Default", "true"
    yield "Vary", _vary(answer.query.name, suffix is None and "_format" not in options.options)
    path = _path(answer.query, suffix)
    if version == "latest" and request.method != "POST":
        query = request.query_string.decode()
        yield "Content-Location", f"{path}?{query}" if query else path


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


def _sent(given: Representation, headers: Headers) -> Response:
    """Send the body that was made before; or make it, and keep what is sent whole of a result that is kept."""
    answer, variant, name = given.answer, given.variant, given.body
    assert not isinstance(answer, Unread)  # a response without a body
    made = None if name is None else gateway().encoding(answer.result.key, name)
    if made is not None:
        return _response(made, headers, variant)
    content, columns, shape = given.page.content, answer.result.columns, variant.shape
    chunks = encode(variant.format, content, columns, shape=shape, meta=given.meta)
    head, size = list[bytes](), 0
    # What fits into one piece is pulled before the response exists, so that an error before it is still a problem.
    for chunk in chunks:
        head.append(chunk)
        size += len(chunk)
        if size > WHOLE:
            response = _response(compressed(resumed(head, chunks), variant.coding), headers, variant)
            return closing_with(response, answer)
    body = compress(b"".join(head), variant.coding)
    if isinstance(answer, Answer) and name is not None:
        gateway().keep_encoding(answer.result, name, body)
    return _response(body, headers, variant)


def _response(body: bytes | Iterator[bytes], headers: Headers, variant: Variant) -> Response:
    if variant.coding != IDENTITY:
        headers["Content-Encoding"] = variant.coding
    return Response(body, headers=headers, content_type=variant.format.media_type)
