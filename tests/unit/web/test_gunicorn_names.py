"""What is used of gunicorn beyond its documented interface is still there: a release that renames it fails here."""

from __future__ import annotations

import ast
import inspect
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from gunicorn.arbiter import Arbiter
from gunicorn.asgi import protocol
from gunicorn.asgi.parser import CallbackRequest, PythonProtocol
from gunicorn.asgi.protocol import ASGIProtocol, BodyReceiver, FlowControl
from gunicorn.http.message import Request
from gunicorn.workers.base import Worker
from gunicorn.workers.gasgi import ASGIWorker
from gunicorn.workers.gthread import TConn, ThreadWorker

from gateway.web import connection, reading, server, threads, workers
from gateway.web.connection import EventProtocol
from gateway.web.reading import RequestReader
from gateway.web.threads import DrainingThreadWorker
from gateway.web.workers import EventWorker

MODULES = (connection, reading, server, threads, workers)

PRIVATE: dict[type, tuple[str, ...]] = {
    ASGIProtocol: (
        "_awaiting_request",
        "_body_receiver",
        "_build_http_scope",
        "_callback_parser",
        "_close_transport",
        "_closed",
        "_current_request",
        "_flow_control",
        "_handle_h1c_exception",
        "_http1_buffered",
        "_is_websocket_upgrade",
        "_keepalive",
        "_keepalive_handle",
        "_keepalive_timeout",
        "_on_body",
        "_on_headers_complete",
        "_on_message_complete",
        "_response_buffer",
        "_response_omits_body",
        "_resume_reading",
        "_safe_write",
        "_send_body",
        "_send_error_response",
        "_send_response_start",
        "_serve_http_request",
        "_setup_callback_parser",
        "_will_close",
    ),
    ASGIWorker: ("_quick_shutdown", "_serve"),
    BodyReceiver: ("_complete",),
    PythonProtocol: (
        "_buffer",
        "_headers_list",
        "_chunk_state",
        "_find_line",
        "_has_invalid_header_chars",
        "_header_count",
        "_is_valid_token",
        "_limit_request_field_size",
        "_parse_request_line",
        "_state",
    ),
    Request: ("_expected_100_continue",),
}
"""Private names, by the class of gunicorn that has them."""
PUBLIC: dict[type, tuple[str, ...]] = {
    ASGIProtocol: ("connection_made", "connection_lost", "data_received", "cfg", "req_count", "transport", "worker"),
    ASGIWorker: (
        "alive",
        "app",
        "handle_exit_signal",
        "handle_quit_signal",
        "init_process",
        "loop",
        "notify",
        "ppid",
        "servers",
    ),
    Worker: ("age", "cfg", "pid", "sockets"),
    Arbiter: ("WORKERS", "handle_hup"),
    CallbackRequest: ("chunked", "content_length", "headers_bytes", "method", "must_close", "uri", "version"),
    FlowControl: ("drain", "write_paused"),
    PythonProtocol: ("headers", "http_version", "is_complete", "path", "remaining", "reset"),
    Request: ("force_close", "headers", "must_close", "path", "query", "uri", "version"),
    TConn: ("sock",),
    ThreadWorker: ("enqueue_req", "handle", "handle_error", "handle_exit", "handle_request", "log"),
}
"""Names that are not private, and are no more documented."""
IN_MODULE = ("_CACHED_SERVER_HEADER", "_REASON_PHRASES", "_get_cached_date_header", "_get_cached_status_line")
OVERRIDING = {
    EventProtocol: ASGIProtocol,
    EventWorker: ASGIWorker,
    DrainingThreadWorker: ThreadWorker,
    RequestReader: PythonProtocol,
}


@cache
def names_of(owner: type) -> set[str]:
    """Return what a class has: what stands in it and its bases, and what its methods assign to ``self``."""
    return set(dir(owner)).union(*map(_stored_in_self, owner.__mro__[:-1]))


def _stored_in_self(owner: type) -> set[str]:
    stored = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(owner)))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    ]
    return {node.attr for node in stored if isinstance(node.value, ast.Name) and node.value.id == "self"}


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for names in (PRIVATE, PUBLIC) for owner in names for name in names[owner]]
)
def test_gunicorn_has_what_is_used_of_it(owner: type, name: str) -> None:
    assert name in names_of(owner), f"gunicorn {version('gunicorn')} has no {owner.__name__}.{name}"


def test_a_name_that_gunicorn_does_not_have_is_missed() -> None:
    assert "_no_such_name" not in names_of(ASGIProtocol)


@pytest.mark.parametrize("name", IN_MODULE)
def test_gunicorns_module_has_what_is_imported_of_it(name: str) -> None:
    assert hasattr(protocol, name)


def used() -> Iterator[str]:
    """Yield the private attributes that the modules over gunicorn use."""
    for module in MODULES:
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            if isinstance(node, ast.Attribute | ast.FunctionDef | ast.AsyncFunctionDef):
                name = node.attr if isinstance(node, ast.Attribute) else node.name
                if name.startswith("_") and not name.startswith("__"):
                    yield name


@cache
def defined() -> set[str]:
    """Return the private names that the modules over gunicorn define themselves."""
    found: set[str] = set()
    for module in MODULES:
        found |= set(vars(module))
        for owner in vars(module).values():
            if isinstance(owner, type) and owner.__module__ == module.__name__:
                found |= set(vars(owner)) | _stored_in_self(owner)
    return found


def test_every_private_name_that_is_used_is_listed() -> None:
    listed = {name for names in PRIVATE.values() for name in names}
    of_gunicorn = set().union(*(names_of(owner) for owner in PRIVATE))
    foreign = {name for name in used() if name not in defined() or name in of_gunicorn}
    assert foreign - listed == set()
    assert listed - set(used()) == set()


def _overridden() -> list[tuple[type, type, str]]:
    return [
        (ours, theirs, name)
        for ours, theirs in OVERRIDING.items()
        for name, value in vars(ours).items()
        if inspect.isfunction(value) and not name.startswith("__") and hasattr(theirs, name)
    ]


@pytest.mark.parametrize(("ours", "theirs", "name"), _overridden())
def test_a_method_that_is_overridden_takes_the_same_arguments(ours: type, theirs: type, name: str) -> None:
    def arguments(owner: type) -> list[Any]:
        return [(each.name, each.kind) for each in inspect.signature(getattr(owner, name)).parameters.values()]

    assert arguments(ours) == arguments(theirs)


def test_gunicorn_is_pinned_to_the_release_that_has_these_names() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert f"gunicorn=={version('gunicorn')}" in project["dependencies"]
