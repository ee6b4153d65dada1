"""The queries that run and wait on this machine: who may see which of them, and who may stop them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from gateway.access.authorizer import from_own_page
from gateway.access.base import ANONYMOUS, STOP
from gateway.errors import Forbidden
from gateway.web.context import gateway, principal_of
from gateway.web.documents import json_response
from gateway.web.guard import guarded, may, may_see_details, require
from gateway.web.operations import kept
from gateway.web.parsing import no_parameters, read_query_string
from gateway.web.problems import NotFound

routes = Blueprint("running", __name__)
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via")


@routes.get("/v1/running")
def running() -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    return json_response({**under_way(), **({"cache": kept()} if may_see_details() else {})})


@routes.delete("/v1/running/<number>")
def stop(number: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    stop_query(number)
    return Response(status=202)


def under_way() -> dict[str, Any]:
    """Describe what runs and waits: the caller's own queries, and those of others to who may stop them.

    Without access control nobody has queries of their own, and everybody sees all.
    """
    status, caller, everything = gateway().admission.status(), principal_of(request), not guarded() or may(STOP)
    known = {template.unbound.origin: template for template in gateway().registry.templates()}
    shown: list[Mapping[str, Any]] = []
    for found in gateway().admission.under_way():
        template = known.get(found["text"])
        own = caller != ANONYMOUS and found["principal"] == caller.name
        if template is None or not (everything or own):
            continue
        told = {name: value for name, value in found.items() if name != "text"}
        shown.append({"query": template.name, "version": template.version, **told})
    counts = {name: status[name] for name in ("running", "waiting", "slots")}
    return {**counts, "queries": shown, "may_stop": may_stop()}


def stop_query(number: str) -> None:
    """Stop a query that runs or waits. Raises ``Forbidden``, and ``NotFound`` where none has this id."""
    if guarded():
        require(STOP)
    elif not may_stop():
        raise Forbidden(
            "Callers of this server do not say who they are (access.required), so queries are stopped only from the "
            "machine that it runs on, at 127.0.0.1 or localhost, and through no proxy."
        )
    if not gateway().admission.stop(number):
        raise NotFound("No query of this id runs or waits: it may have ended.")


def may_stop() -> bool:
    """Tell whether the caller may stop queries: by a grant, or where there is no access control from this machine."""
    return may(STOP) if guarded() else _from_here()


def _from_here() -> bool:
    """Tell whether the request comes from this machine itself, through no proxy and for no page of another origin.

    The host that was asked for has to be this machine too: a page of another site, whose name was made to mean this
    machine, is not trusted (DNS rebinding).
    """
    headers = {name.lower(): value for name, value in request.headers}
    forwarded = any(name in request.headers for name in _FORWARDED)
    named = urlsplit(f"//{request.host}").hostname
    return not forwarded and _loopback(request.remote_addr) and _loopback(named) and from_own_page(headers)


def _loopback(host: str | None) -> bool:
    """Tell whether a host, by its address or name, is this machine.

    >>> _loopback("127.0.0.1"), _loopback("::1"), _loopback("localhost"), _loopback("10.0.0.1"), _loopback(None)
    (True, True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        address = ip_address(host or "")
    except ValueError:
        return False
    return bool((getattr(address, "ipv4_mapped", None) or address).is_loopback)
