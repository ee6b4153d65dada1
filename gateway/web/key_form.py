"""The key that a person enters on a page: kept in a cookie that counts on the gateway's own pages only."""

from __future__ import annotations

import re

from flask import Blueprint, Response, request

from gateway.access.authorizer import COOKIE
from gateway.errors import Unauthenticated
from gateway.web.context import here, record, site
from gateway.web.forms import refuse_foreign_pages
from gateway.web.guard import guarded
from gateway.web.html import page
from gateway.web.problems import NotFound
from gateway.web.problems import problem as as_problem

routes = Blueprint("keys", __name__)
_NAME = "[a-z][a-z0-9_.]{0,127}"
_PAGE = re.compile(
    rf"/(?:status|docs(?:/{_NAME}/[a-z0-9]{{1,12}})?|(?:tables|datasets)(?:/{_NAME})?)(?:\?[!-~]{{1,8000}})?"
)
"""Where a person may be sent to after entering a key."""
_NEXT = "/docs"
_LONGEST_COOKIE = 3_800
_FOR_PROGRAMS = frozenset({"pages.openapi"})
"""Endpoints beside pages that programs read."""


@routes.get("/docs/key")
def key() -> Response:
    if not guarded():
        raise NotFound("Nobody needs a key here.")
    return page("key.html", next=_NEXT, wrong=None)


@routes.post("/docs/key")
def enter_key() -> Response:
    """Keep a key for the pages, in a cookie that scripts cannot read and other sites cannot send."""
    if not guarded():
        raise NotFound("Nobody needs a key here.")
    refuse_foreign_pages()
    given, target = request.form.get("key", "").strip(), request.form.get("next", _NEXT)
    response = Response(status=303, headers={"Location": here(target if _PAGE.fullmatch(target) else _NEXT)})
    if given == "":
        _forget_key(response)
        return response
    if len(given) > _LONGEST_COOKIE:
        return _ask_for_key("A browser keeps up to 3,800 characters: this token is longer.")
    try:
        site().access.identify({"x-api-key": given})
    except Unauthenticated as error:
        return _ask_for_key(error.detail)
    response.set_cookie(COOKIE, given, path=_cookie_path(), httponly=True, samesite="Strict", secure=request.is_secure)
    return response


def _forget_key(response: Response) -> None:
    response.delete_cookie(COOKIE, path=_cookie_path(), samesite="Strict", httponly=True)


def _cookie_path() -> str:
    """Return the path of the gateway's addresses: what else the site has below others does not get the key."""
    return request.script_root or "/"


def ask_for_key(error: Unauthenticated) -> Response:
    """Ask a person for a key where a program would get a problem."""
    record().error = error.code
    if request.endpoint in _FOR_PROGRAMS:
        return as_problem(error, request_id=record().request, prefix=request.script_root)
    response = _ask_for_key(error.detail if COOKIE in request.cookies else "This page needs a key.")
    response.headers.update(error.headers)
    _forget_key(response)
    return response


def _ask_for_key(wrong: str) -> Response:
    asked = f"{request.path}?{request.query_string.decode('latin-1')}" if request.query_string else request.path
    response = page("key.html", next=asked if _PAGE.fullmatch(asked) else _NEXT, wrong=wrong)
    response.status_code = 401
    response.headers["Cache-Control"] = "no-store"
    return response
