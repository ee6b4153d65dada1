"""The leading comment of a template: what its author declares about the query, and where each key stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.declaration import DeclarationError, Declared, Duration
from gateway.errors import Diagnostic, InvalidParameters, Rule, TemplateInvalid
from gateway.model import CachePolicy
from gateway.query.lexer import end_of_comment
from gateway.query.parameters import Parameter, bind_parameters
from gateway.suggestions import near

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""A parameter, or one segment of a query's name."""
_SUCCESSOR = r"^(?:[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*/)?v[1-9][0-9]*$"
_MAX_FRONT_MATTER = 64_000
_KINDS: Mapping[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    date: "date",
    datetime: "timestamp",
}
# In a flow mapping, {type: list[varchar]}, YAML takes these characters for its own.
_UNQUOTED_TYPE = re.compile(r"\b(\w+):\s*[a-z]+(?:\[[^\]\n]*\]|\([^)\n]*\))")
_PROTECTED = str.maketrans("[],", "<>;")


def _cache_off(value: object) -> object:
    # YAML reads a bare off as false.
    return {"enabled": False} if value is False or value == "off" else value


class CacheRules(BaseModel):
    """How long answers may be served; durations in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    enabled: bool = True
    ttl: Duration = 60.0
    stale_while_revalidate: Duration = 0.0
    stale_if_error: Duration = 0.0
    clock: Annotated[Duration, Field(gt=0)] | None = None

    def policy(self) -> CachePolicy:
        """Return the policy that results are kept by."""
        return CachePolicy(**self.model_dump())


def _warm_as_model(value: object) -> object:
    """Read ``true`` as the examples, and a list as sets of parameters."""
    if isinstance(value, bool):
        return {"examples": value}
    return {"sets": value} if isinstance(value, list) else value


class WarmRules(BaseModel):
    """Which answers are prepared before anybody asks: of the examples, of *sets* of parameters, of recent requests."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    examples: bool = False
    sets: list[dict[str, Any]] = []
    recent: int = Field(0, ge=0, le=1_000)


class ChartRules(BaseModel):
    """The chart that a query's page shows first, of columns of the result; ``mark`` None: as their types suggest."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    x: str = Field(min_length=1)
    y: str = Field(min_length=1)
    color: str | None = None
    mark: Literal["line", "bar", "point", "heat"] | None = None


class FrontMatter(BaseModel):
    """The leading comment of a template."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    summary: str = Field(min_length=1, max_length=200)
    description: str = ""
    owner: str | None = None
    tags: list[str] = []
    parameters: dict[str, Parameter] = {}
    cache: Annotated[
        CacheRules, BeforeValidator(_cache_off, json_schema_input_type=CacheRules | Literal[False, "off"])
    ] = CacheRules()
    timeout: Annotated[Duration, Field(gt=0)] | None = None
    engine: Literal["auto", "duckdb", "dask", "spark"] = "auto"
    deterministic: bool = False
    examples: list[dict[str, Any]] = []
    warm: Annotated[
        WarmRules, BeforeValidator(_warm_as_model, json_schema_input_type=WarmRules | bool | list[dict[str, Any]])
    ] = WarmRules()
    default: list[dict[str, Any]] | None = Field(None, min_length=1, max_length=1_000)
    chart: ChartRules | None = None
    deprecated: date | None = None
    sunset: date | None = None
    successor: str | None = Field(None, pattern=_SUCCESSOR)


def locate_front_matter(text: str, path: str) -> tuple[int, int]:
    """Return where the leading comment starts and ends. Raises ``TemplateInvalid``."""
    start = len(text) - len(text.lstrip(" \t\r\n"))
    if not text.startswith("/*", start):
        hint = "start the file with /*, then lines such as 'summary: …', then */"
        raise TemplateInvalid(
            [
                Diagnostic(
                    path=path,
                    line=1,
                    column=1,
                    message="the front matter is missing",
                    hint=hint,
                    rule=Rule.FRONT_MATTER,
                )
            ]
        )
    end = end_of_comment(text, start)
    if end is None or end - start > _MAX_FRONT_MATTER:
        message = (
            "the front matter never ends" if end is None else f"the front matter is over {_MAX_FRONT_MATTER} characters"
        )
        hint = "close it with */; comments nest, so a /* inside it needs its own */"
        raise TemplateInvalid(
            [
                Diagnostic(
                    path=path,
                    line=line_of(text, start),
                    column=column_of(text, start),
                    message=message,
                    hint=hint,
                    rule=Rule.FRONT_MATTER,
                )
            ]
        )
    return start, end


def read_front_matter(
    text: str, start: int, end: int, path: str
) -> tuple[FrontMatter | None, Declared | None, list[Diagnostic]]:
    line = line_of(text, start)
    content = _UNQUOTED_TYPE.sub(_protected, text[start + 2 : end - 2])
    declared = None
    try:
        declared = Declared(content, path, line=line)
        front = declared.validate(FrontMatter)
    except DeclarationError as error:
        # What stands on the line of the /* stands two characters further right than in the YAML alone.
        shift = column_of(text, start) + 1
        errors = [
            replace(item, column=item.column + shift) if item.line == line and item.column else item
            for item in error.diagnostics
        ]
        return None, declared, _of_front_matter(errors)
    return front, declared, _of_front_matter(_relations(front, declared))


def _protected(found: re.Match[str]) -> str:
    """Write the brackets of a type otherwise, also where its key is misspelt."""
    return found[0].translate(_PROTECTED) if near(found[1], ["type"]) else found[0]


def _of_front_matter(errors: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [replace(item, rule=Rule.FRONT_MATTER) if item.rule is Rule.INVALID else item for item in errors]


def declared_front_matter(text: str, path: str) -> Declared:
    """Return the front matter of a valid template with the place of each key."""
    start, end = locate_front_matter(text, path)
    _, declared, _ = read_front_matter(text, start, end, path)
    if declared is None:
        raise TemplateInvalid([Diagnostic(path=path, message="the front matter cannot be read")])
    return declared


def parameter_names(declared: Declared | None) -> Sequence[str] | None:
    """Return the declared names, also where the front matter has errors elsewhere; None: they cannot be told."""
    if declared is None:
        return None
    value = declared.value if isinstance(declared.value, dict) else {}
    misspelt = (key for key in value if key not in FrontMatter.model_fields and "parameters" in _meant(key))
    parameters = value.get("parameters", value.get(next(misspelt, None), {}))
    return [str(name) for name in parameters] if isinstance(parameters, dict) else None


def _meant(key: object) -> list[str]:
    return near(str(key), FrontMatter.model_fields)


def _relations(front: FrontMatter, declared: Declared) -> Iterator[Diagnostic]:
    """Find the errors between parts that are right in themselves."""
    for name in front.parameters:
        if not NAME.fullmatch(name):
            hint = "write a small letter, then small letters, digits and underscores"
            yield declared.diagnostic(("parameters", name), f"{name!r} cannot name a parameter", hint)
    for key, what, sets in (("examples", "example", front.examples), ("warm", "warm set", front.warm.sets)):
        for number, values in enumerate(sets):
            try:
                bind_parameters(front.parameters, values)
            except InvalidParameters as error:
                for item in error.errors:
                    where = (key, number, item["parameter"])
                    message = f"{what} {number + 1}: {item['parameter']} {item['detail']}"
                    yield declared.diagnostic(where, message, rule=Rule.EXAMPLE)
    if front.warm != WarmRules() and not front.cache.enabled:
        yield declared.diagnostic(("warm",), "answers that are not kept cannot be prepared ahead")
    if front.default is not None:
        yield from _default_errors(front.default, declared)
    if front.sunset is not None and front.deprecated is not None and front.sunset < front.deprecated:
        yield declared.diagnostic(("sunset",), "sunset is before deprecated")


def _default_errors(rows: Sequence[Mapping[str, Any]], declared: Declared) -> Iterator[Diagnostic]:
    """Find rows that are no table: other names than the first one has, values of two kinds in one column."""
    names = list(rows[0])
    for number, row in enumerate(rows):
        if list(row) != names or not names:
            hint = f"expected: {', '.join(map(str, names))}" if names else "name the columns of the result"
            yield declared.diagnostic(("default", number), f"row {number + 1} has other columns than the first", hint)
    for name in names:
        kinds: set[str | None] = set()
        for number, row in enumerate(rows):
            value = row.get(name)
            kinds |= set() if value is None else {_kind(value)}
            if None in kinds or len(kinds) > 1:
                hint = "write numbers, texts, booleans, dates or timestamps, of one kind in a column, or null"
                message = f"row {number + 1}: {name} does not fit"
                yield declared.diagnostic(("default", number, str(name)), message, hint)
                break


def _kind(value: object) -> str | None:
    """Name what a value of a default row is; None: it is nothing that a row may hold."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return "instant"
    if isinstance(value, int) and abs(value) >= 2**63:
        return None
    return _KINDS.get(type(value))


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def column_of(text: str, position: int) -> int:
    return position - text.rfind("\n", 0, position)
