"""Request parsing: options that start with an underscore, template parameters, JSON bodies."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.errors import MalformedRequest, quoted, shortened
from gateway.query.numerals import json_number
from gateway.suggestions import did_you_mean
from gateway.web.problems import ContentTooLarge, UnsupportedMediaType

RESULT_OPTIONS = ("_format", "_limit", "_cursor", "_shape", "_bom", "_delimiter", "_form", "_snapshot")
PAGE_OPTIONS = ("_limit", "_cursor")
MAX_FIELDS = 10_000
MAX_DEPTH = 16
MAX_ROWS = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryString:
    """A query string taken apart: options by name, and the other names with all their values, in order."""

    options: Mapping[str, str]
    parameters: Mapping[str, list[str]]

    def limit(self) -> int | None:
        """Return ``_limit``, None where it is not given. Raises ``MalformedRequest``."""
        text = self.options.get("_limit")
        if text is None:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= MAX_ROWS):
            raise MalformedRequest("_limit is a number of rows: 0 or more, in digits.", option="_limit")
        return int(text)


def read_query_string(raw: bytes, *, accepted: Collection[str], elsewhere: Collection[str] = ()) -> QueryString:
    """Take a query string apart. *accepted* are the options of this address, and no misspelt ones those *elsewhere*.

    ``_form`` says that a browser made it of a form without the help of a script, and names the fields that have an item
    a line. Raises ``MalformedRequest`` for bytes that are not UTF-8, an unknown option, an option given twice, or a
    nameless value.
    """
    options: dict[str, str] = {}
    parameters: dict[str, list[str]] = {}
    for name, value in _pairs(raw):
        if not name.startswith("_"):
            parameters.setdefault(name, []).append(value)
            continue
        if name not in accepted:
            _refuse_option(name, accepted, misspelt=name not in elsewhere)
        if name in options:
            raise MalformedRequest(f"{name} is given twice.", option=name)
        options[name] = value
    form = options.pop("_form", None)
    if form is not None:
        parameters = _filled(parameters, form.split(","))
    return QueryString(options=options, parameters=parameters)


def _filled(fields: Mapping[str, list[str]], lists: Collection[str]) -> dict[str, list[str]]:
    """Read the fields of a form: one that is left empty is absent, one of several lines has an item a line.

    A box asks for an empty text by sending its field empty once more.
    """
    found: dict[str, list[str]] = {}
    for name, values in fields.items():
        lines = [line.strip() for value in values for line in value.splitlines() if line.strip()]
        items = [item_text(line) for line in lines] if name in lists else lines
        if "" in values[1:] and (name in lists or not items):
            items.append("")
        if items:
            found[name] = items
    return found


def item_text(item: str) -> str:
    """Write an item of a list as a query string has it: what is no JSON must not begin as a list of JSON does.

    >>> item_text("a"), item_text("[a")
    ('a', '["[a"]')
    """
    return json.dumps([item], ensure_ascii=False) if item.startswith("[") else item


def no_parameters(query: QueryString) -> None:
    """Refuse parameters at an address that has none. Raises ``MalformedRequest``."""
    for name in query.parameters:
        raise MalformedRequest(f"Unknown parameter {quoted(name)}: this address has none.", option=name)


def read_json_object(request: Request) -> dict[str, Any]:
    """Read the body as one JSON object; a missing body is an empty one.

    Raises ``ContentTooLarge``, ``UnsupportedMediaType``, and ``MalformedRequest`` for text that is not UTF-8 or not
    JSON, more than 10,000 keys, a key that stands twice, NaN, a number of thousands of digits, or nesting beyond 16
    levels.
    """
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise ContentTooLarge(f"The request body is larger than {request.max_content_length} bytes.") from error
    check_coding(request)
    if not body and not request.mimetype:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(
            f"The body is {shortened(request.mimetype, 64) or 'of no declared type'}: "
            "send JSON with Content-Type: application/json."
        )
    document = parse_json(body)
    if not isinstance(document, dict):
        raise MalformedRequest("The body must be one JSON object, e.g. {}.")
    return document


def check_coding(request: Request) -> None:
    """Raise ``UnsupportedMediaType`` where the body has a content coding: none is decoded."""
    if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("The body is compressed: send it as it is.", headers={"Accept-Encoding": "identity"})


def parse_json(body: bytes) -> Any:
    """Parse strict JSON (RFC 8259, unique keys). Raises ``MalformedRequest``."""
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_Fields().unique,
            parse_float=json_number,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise MalformedRequest("The body is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise MalformedRequest(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError as error:
        raise MalformedRequest(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise MalformedRequest("The body holds a number of too many digits.") from error
    _check_values(document)
    return document


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except UnicodeDecodeError as error:
        raise MalformedRequest("The query string is not UTF-8.") from error
    except ValueError as error:
        raise MalformedRequest(f"The query string has more than {MAX_FIELDS} values: send them as JSON.") from error
    if any(not name for name, _ in pairs):
        raise MalformedRequest("The query string has a value without a name.")
    return pairs


def _refuse_option(name: str, accepted: Collection[str], *, misspelt: bool) -> NoReturn:
    hint = did_you_mean(name, accepted) if misspelt else None
    hint = hint or (f"accepted: {', '.join(accepted)}." if accepted else "this address has none.")
    raise MalformedRequest(f"Unknown option {quoted(name)}; {hint}", option=name)


class _Fields:
    """Counts the fields of a JSON text: there may be as many as values in a query string."""

    def __init__(self) -> None:
        self._seen = 0

    def unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._seen += len(pairs)
        if self._seen > MAX_FIELDS:
            raise MalformedRequest(f"The body has more than {MAX_FIELDS} fields.")
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise MalformedRequest(f"The key {quoted(key)} stands twice in the body.")
            found[key] = value
        return found


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedRequest(f"{name} is not JSON.")


def _check_values(document: Any) -> None:
    """Refuse what JSON can write but no parameter can hold: deep nesting, halves of surrogate pairs."""
    level = [document]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend((*value, *value.values()))
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, str) and not _is_unicode(value):
                raise MalformedRequest("The body holds half of a surrogate pair, which is not a character.")
        if not below:
            return
        level = below
    raise MalformedRequest(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
