"""Write HTML pages, and tell who wants one.

They load nothing from another host, and their policy (CSP) forbids it.
"""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request

from gateway.web.accept import prefers_page
from gateway.web.assets import asset_urls
from gateway.web.context import record, site
from gateway.web.documents import gzipped
from gateway.web.guard import guarded
from gateway.web.origins import framing

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)
FORM = "application/x-www-form-urlencoded"
"""How pages send what is entered; programs send JSON."""


def wants_page() -> bool:
    """Return whether the caller reads HTML rather than JSON, as browsers do; programs that accept anything do not."""
    best = prefers_page(request.headers.get("Accept", ""))
    return best and (request.method in ("GET", "HEAD") or request.mimetype == FORM)


def page(name: str, **values: Any) -> Response:
    """Render the template *name*."""
    who = record().principal
    common = {"title": site().title, "root": request.script_root, "guarded": guarded(), "dev": site().dev is not None}
    html = render_template(name, who=who, asset_url=asset_urls(), **common, **values)
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = f"{POLICY}; {framing(site().embed)}"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"
    return gzipped(response)
