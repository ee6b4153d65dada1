"""``/learn``: the guide for people who fetch data, ``docs/guide.md``, whose questions can be asked on the page.

A block of the language ``http`` is a question, and the ``text`` after it is the answer that was recorded. Where the
demonstration is served, each question has a button that asks it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Response, request
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from gateway.access.base import QUERY
from gateway.web.context import gateway
from gateway.web.guard import may
from gateway.web.html import page
from gateway.web.parsing import no_parameters, read_query_string

routes = Blueprint("learn", __name__)
_SOURCE = Path(__file__).parent / "guide.md"
_ASKED = ("weather_delay", "delays_by_carrier", "guide.one_plane", "guide.departed", "guide.departures")
"""The queries that the guide asks."""


class Section(NamedTuple):
    """A section of the guide, for its table of contents."""

    id: str
    title: str


class Guide(NamedTuple):
    """The guide as HTML."""

    title: str
    sections: Sequence[Section]
    body: Markup


@routes.get("/learn")
def learn() -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    registry = gateway().registry.queries()
    live = all(name in registry and may(QUERY, name) for name in _ASKED)
    return page("learn.html", guide=guide(), live=live)


@cache
def guide() -> Guide:
    """Write the guide as HTML. It comes with the release, and is written once."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(_SOURCE.read_text(encoding="utf-8"))
    title, tokens = tokens[1].content, tokens[3:]
    sections = list(_named(tokens))
    return Guide(title=title, sections=sections, body=Markup("".join(_written(markdown, tokens))))


def _named(tokens: Sequence[Token]) -> Sequence[Section]:
    """Give the headings ids, and each table a name of its own; return the sections."""
    found, tables = [], 0
    for opening, text in pairwise(tokens):
        if opening.type == "table_open":
            tables += 1
            opening.meta["name"] = f"Table {tables}"
        if opening.type == "heading_open":
            name = re.sub(r"[^a-z0-9]+", "-", text.content.lower()).strip("-")
            opening.attrSet("id", name)
            if opening.tag == "h2":
                found.append(Section(id=name, title=text.content))
    return found


def _written(markdown: MarkdownIt, tokens: Sequence[Token]) -> Sequence[str]:
    """Write pieces of HTML: blocks of code in the page's way, the rest as Markdown says."""
    pieces: list[str] = []
    begun = 0
    for place, token in enumerate(tokens):
        for child in token.children or ():
            if child.type.startswith("link_"):  # another page of the documentation, which is not served
                child.tag, child.attrs = "span", {}
        if token.type in ("fence", "table_open", "table_close"):
            pieces.append(markdown.renderer.render(tokens[begun:place], markdown.options, {}))
            pieces.append(_BLOCKS[token.type](token))
            begun = place + 1
    return [*pieces, markdown.renderer.render(tokens[begun:], markdown.options, {})]


def _fence(token: Token) -> str:
    """Write a block of code; that of a question has a form, and its answer is filled in after it."""
    text = escape(token.content.rstrip("\n"))
    if token.info == "http":
        return f'<div class="ask"><pre class="code" tabindex="0">{text}</pre></div>\n'
    return f'<pre class="code {escape(token.info)}" tabindex="0">{text}</pre>\n'


_BLOCKS: Mapping[str, Callable[[Token], str]] = {
    "fence": _fence,
    "table_open": lambda token: (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{token.meta["name"]}"><table>\n'
    ),
    "table_close": lambda token: "</table></div>\n",
}
