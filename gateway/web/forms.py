"""Forms of pages that change something: no page of another origin can send them."""

from __future__ import annotations

from flask import request

from gateway.access.authorizer import from_own_page
from gateway.errors import Forbidden
from gateway.web.parsing import check_coding


def refuse_foreign_pages() -> None:
    """Go on where no page of another origin sends the current request. Raises ``Forbidden``."""
    if not from_own_page({name.lower(): value for name, value in request.headers}):
        raise Forbidden("This is done on a page of this server.")
    check_coding(request)
