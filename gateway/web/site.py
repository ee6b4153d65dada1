"""Build the Flask application: routes, error handlers, request ids, access records and metrics."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, redirect, request
from prometheus_client.exposition import choose_encoder
from prometheus_flask_exporter import PrometheusMetrics  # type: ignore[import-untyped]  # it has no types
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as AnyResponse

from gateway.counted import counted as in_words
from gateway.errors import GatewayError
from gateway.telemetry.events import Unexpected
from gateway.telemetry.metrics import counted
from gateway.web import (
    builds,
    cache,
    context,
    dataset_pages,
    dataset_versions,
    datasets,
    dev,
    explain,
    exports,
    guard,
    key_form,
    learn,
    operations,
    pages,
    queries,
    reload,
    results,
    running,
    splits,
    status_pages,
    table_pages,
    tables,
)
from gateway.web.context import Site, record, site
from gateway.web.headers import template_headers
from gateway.web.html import page, wants_page
from gateway.web.origins import PREFLIGHT
from gateway.web.problems import InternalError, from_http, problem, problem_document
from gateway.web.proxies import Proxies
from gateway.web.records import Sent, served
from gateway.web.rendering import RenderedResult
from gateway.web.responses import FIXED_HEADERS
from gateway.web.wsgi_adapter import REFUSED

_RESOURCES = (
    *(results, splits, explain, exports, queries, tables, datasets),
    *(dataset_versions, builds, cache, reload, running, operations),
    *(pages, key_form, table_pages, dataset_pages, status_pages, learn),
)


class _Application(Flask):
    proxies: Proxies

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        # A request for another protocol, such as websocket, is answered as if it had not asked for one (RFC 9110, 7.8):
        # the router would look for a route of that protocol.
        environ.pop("HTTP_UPGRADE", None)
        self.proxies.place(environ)
        return super().wsgi_app(environ, start_response)

    def handle_http_exception(self, e: HTTPException) -> Any:
        if not isinstance(e, RequestRedirect):
            return super().handle_http_exception(e)
        # The address that was meant, by its path: not on whatever the request calls its Host.
        return redirect(urlsplit(e.new_url)._replace(scheme="", netloc="").geturl(), e.code)


def build_site(what: Site) -> Flask:
    """Make the application that serves *what*. It opens nothing and owns nothing that must be closed."""
    app = _Application("gateway.web", static_folder=None)
    app.proxies = what.proxies
    app.config.update(MAX_CONTENT_LENGTH=what.max_body, MAX_FORM_MEMORY_SIZE=None)
    app.url_map.strict_slashes = False
    app.jinja_env.filters["counted"] = in_words
    context.install(app.extensions, what)
    app.before_request(_start)
    app.before_request(_preflight)
    app.before_request(guard.admit)
    app.after_request(_finish)
    app.register_error_handler(GatewayError, _answer_problem)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_bug)
    for resource in _RESOURCES:
        app.register_blueprint(resource.routes)
    if what.dev is not None:
        app.register_blueprint(dev.routes)
    _Exported(app, path="/metrics", export_defaults=False, registry=what.metrics.registry)
    return app


class _Exported(PrometheusMetrics):  # type: ignore[misc]  # it has no types
    """Exports what all workers have counted."""

    def generate_metrics(self, accept_header: str | None = None, names: list[str] | None = None) -> tuple[str, str]:
        registry = counted(self.registry)
        encode, content_type = choose_encoder(accept_header or "")
        return encode(registry.restricted_registry(names) if names else registry).decode(), content_type


def _start() -> None:
    context.open_record(request, time.perf_counter())
    refused: GatewayError | None = request.environ.get(REFUSED)
    if refused is not None:
        raise refused


def _preflight() -> Response | None:
    """Tell a browser what a page of another origin may send, before anything of it is looked at; it shows no key."""
    asked = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    allowed = asked and site().cors.allowed(request.headers.get("Origin"))
    return Response(status=204, headers=PREFLIGHT) if allowed else None


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = record().request
    response.headers.update(guard.limit_headers())
    if not isinstance(response, RenderedResult):
        _complete(response)
    tally = _Tally(response)
    noted, method, path, client = record(), request.method, request.path, request.remote_addr
    observe, status = site().observe, response.status_code

    def close() -> None:
        sent = Sent(
            method=method,
            path=path,
            client=client,
            status=status,
            seconds=time.perf_counter() - noted.started,
            size=0 if method == "HEAD" else tally.size,
            complete=tally.complete or method == "HEAD",
        )
        observe(served(noted, sent))

    response.call_on_close(close)
    return response


def _complete(response: Response) -> None:
    """Add the headers that every response has; those of a result have them already."""
    for name, value in FIXED_HEADERS:
        response.headers.setdefault(name, value)
    guard.keep_private(response)
    response.vary.update(site().varying)
    for name, value in site().cors.headers(request.headers.get("Origin")):
        response.headers.setdefault(name, value)
    asked_for = record().template
    if asked_for is not None:
        response.headers.extend(template_headers(asked_for, request.script_root))


class _Tally:
    """Counts the bytes of a response while they are sent."""

    def __init__(self, response: Response) -> None:
        self.size = 0
        self.complete = not response.is_streamed
        if response.is_streamed:
            response.response = self._count(response.iter_encoded(), response.response)
        else:
            self.size = response.calculate_content_length() or 0

    def _count(self, chunks: Iterable[bytes], source: object) -> Iterator[bytes]:
        try:
            for chunk in chunks:
                self.size += len(chunk)
                yield chunk
            self.complete = True
        finally:
            # The server closes this generator when the client is gone; the encoder below must hear of it.
            close = getattr(source, "close", None)
            if close is not None:
                close()


def _answer_problem(error: GatewayError) -> Response:
    record().error = error.code
    where = {"request_id": record().request, "prefix": request.script_root}
    response = problem(error, **where)
    if wants_page():
        document, again = problem_document(error, **where), response.headers.get("Retry-After")
        told = page("problem.html", problem=document, code=error.code, retryable=error.retryable, again=again)
        response.set_data(told.get_data())
        response.headers.update(told.headers)
        response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response


def _answer_http(error: HTTPException) -> AnyResponse:
    if error.code is not None and error.code < 400:
        return error.get_response()
    allowed = sorted(error.valid_methods or ()) if isinstance(error, WrongMethod) else []
    response = _answer_problem(from_http(error, prefix=request.script_root, accepted=", ".join(allowed)))
    if allowed:
        response.headers["Allow"] = ", ".join(allowed)
    return response


def _answer_bug(error: Exception) -> Response:
    site().observe(Unexpected.of(error, request=record().request))
    return _answer_problem(InternalError("Something went wrong; the request id finds it in the log."))
