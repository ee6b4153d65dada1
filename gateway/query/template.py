"""One ``.sql`` file: its front matter, its reviewed SQL, and everything that is known of the query before a request.

``docs/templates.md`` is the page for the people who write templates.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.declaration import DeclarationError, Declared, Duration
from gateway.errors import Diagnostic, InvalidParameters, Rule, Severity, TemplateInvalid
from gateway.model import BoundQuery, CachePolicy, TypedValue
from gateway.query.coerce import spell
from gateway.query.functions import Volatility
from gateway.query.lexer import SqlMistake, end_of_comment
from gateway.query.lint import SEVERITIES, advise_front_matter
from gateway.query.parameters import Parameter, bind_parameters
from gateway.query.validate import Reviewed, review

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
_UNQUOTED_TYPE = re.compile(r"(?<=\btype:)\s*[a-z]+(?:\[[^\]\n]*\]|\([^)\n]*\))")
_PROTECTED = str.maketrans("[],", "<>;")


def _cache_off(value: object) -> object:
    # YAML reads a bare off as false.
    return {"enabled": False} if value is False or value == "off" else value


class CacheSettings(BaseModel):
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


class WarmSettings(BaseModel):
    """Which answers are prepared before anybody asks: of the examples, of *sets* of parameters, of recent requests."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    examples: bool = False
    sets: list[dict[str, Any]] = []
    recent: int = Field(0, ge=0, le=1_000)


class FrontMatter(BaseModel):
    """The leading comment of a template."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    summary: str = Field(min_length=1, max_length=200)
    description: str = ""
    owner: str | None = None
    tags: list[str] = []
    parameters: dict[str, Parameter] = {}
    cache: Annotated[CacheSettings, BeforeValidator(_cache_off)] = CacheSettings()
    timeout: Annotated[Duration, Field(gt=0)] | None = None
    examples: list[dict[str, Any]] = []
    warm: Annotated[WarmSettings, BeforeValidator(_warm_as_model)] = WarmSettings()
    default: list[dict[str, Any]] | None = Field(None, min_length=1, max_length=1_000)
    deprecated: date | None = None
    sunset: date | None = None
    successor: str | None = Field(None, pattern=_SUCCESSOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One published version of a query.

    ``sql`` is the text after the front matter up to its last token, exactly as written; it starts at line
    ``body_line`` and column ``body_column`` of the file. ``examples`` are sets of parameters as JSON values.
    ``tables`` are sorted, ``parameters_used`` are in the order of the text.
    """

    name: str
    version: int
    path: str
    sql: str
    body_line: int
    body_column: int
    normalised: str
    summary: str
    description: str
    owner: str | None
    tags: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    cache: CachePolicy
    timeout: float | None
    examples: tuple[Mapping[str, Any], ...]
    warm: tuple[Mapping[str, Any], ...]
    """Sets of parameters whose answers are prepared ahead, as JSON values."""
    warm_recent: int
    """How many of the newest questions are prepared ahead."""
    default: tuple[Mapping[str, Any], ...] | None
    deprecated: date | None
    sunset: date | None
    successor: str | None
    tables: tuple[str, ...]
    parameters_used: tuple[str, ...]
    volatility: Volatility
    advice: tuple[Diagnostic, ...] = ()
    """What works and will bite somebody; ``gateway check`` tells it."""

    @classmethod
    def load(cls, text: str, *, path: str, name: str, version: int, tables: Collection[str]) -> Template:
        """Read the text of the file *path* over declared *tables*. Raises ``TemplateInvalid`` with every mistake."""
        start, end = _front_matter(text, path)
        front, declared, mistakes = _read_front_matter(text, start, end, path)
        names = _parameter_names(declared)
        reviewed, wrong = review(text[end:], tables, names)
        mistakes += [_in_file(mistake, text, end, path) for mistake in wrong]
        if reviewed is not None and declared is not None:
            mistakes += _agreement(front, names, reviewed, declared)
        if mistakes or front is None or reviewed is None:
            raise TemplateInvalid(sorted(mistakes, key=_position))
        place = _line_of(text, end), _column_of(text, end)
        template = cls._of(front, reviewed, path=path, name=name, version=version, place=place)
        return replace(template, advice=tuple(_advice(front, reviewed, declared, text, end)))

    @classmethod
    def _of(
        cls, front: FrontMatter, reviewed: Reviewed, *, path: str, name: str, version: int, place: tuple[int, int]
    ) -> Template:
        return cls(
            name=name,
            version=version,
            path=path,
            sql=reviewed.sql,
            body_line=place[0],
            body_column=place[1],
            normalised=reviewed.normalised,
            summary=front.summary,
            description=front.description,
            owner=front.owner,
            tags=tuple(front.tags),
            parameters=front.parameters,
            cache=front.cache.policy(),
            timeout=front.timeout,
            examples=_spelled(front.examples),
            warm=_spelled([*(front.examples if front.warm.examples else []), *front.warm.sets]),
            warm_recent=front.warm.recent,
            default=None if front.default is None else tuple(front.default),
            deprecated=front.deprecated,
            sunset=front.sunset,
            successor=front.successor,
            tables=reviewed.tables,
            parameters_used=reviewed.parameters,
            volatility=reviewed.volatility,
        )

    def bind(self, given: Mapping[str, Any], *, textual: bool = False) -> BoundQuery:
        """Bind what a request gave. Raises ``InvalidParameters``."""
        return self._bound(bind_parameters(self.parameters, given, textual=textual))

    def diagnostic(
        self,
        offset: int | None,
        message: str,
        hint: str | None = None,
        *,
        rule: Rule = Rule.INVALID,
        severity: Severity = Severity.ERROR,
    ) -> Diagnostic:
        """Make a diagnostic at a place of the SQL, in characters; None: of the file as a whole."""
        line, column = None, None
        if offset is not None:
            before = self.sql[:offset]
            line = self.body_line + before.count("\n")
            # The SQL begins on the line on which the front matter ends, after it.
            column = offset - before.rfind("\n") + (0 if "\n" in before else self.body_column - 1)
        return Diagnostic(
            path=self.path, line=line, column=column, message=message, hint=hint, rule=rule, severity=severity
        )

    def bound_to_nothing(self) -> BoundQuery:
        """Bind NULL to every parameter: enough to learn the columns of the result."""
        return self._bound(
            {name: TypedValue(value=None, type=declared.type.sql) for name, declared in self.parameters.items()}
        )

    def bindings(self) -> list[BoundQuery]:
        """Bind what the columns of the result may be learnt by: the examples, as callers would bind them, then NULL."""
        needs = any(declared.required for declared in self.parameters.values())
        asked: Iterable[Mapping[str, Any]] = self.examples if self.examples or needs else [{}]
        return [*map(self.bind, asked), self.bound_to_nothing()]

    def _bound(self, parameters: Mapping[str, TypedValue]) -> BoundQuery:
        return BoundQuery(
            name=self.name,
            version=self.version,
            sql=self.sql,
            normalised=self.normalised,
            tables=self.tables,
            parameters=parameters,
            cache=self.cache,
            timeout=self.timeout,
            default=self.default,
        )


def _spelled(sets: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    return tuple({key: spell(value) for key, value in one.items()} for one in sets)


def _front_matter(text: str, path: str) -> tuple[int, int]:
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
                    line=_line_of(text, start),
                    column=_column_of(text, start),
                    message=message,
                    hint=hint,
                    rule=Rule.FRONT_MATTER,
                )
            ]
        )
    return start, end


def _read_front_matter(
    text: str, start: int, end: int, path: str
) -> tuple[FrontMatter | None, Declared | None, list[Diagnostic]]:
    line = _line_of(text, start)
    content = _UNQUOTED_TYPE.sub(lambda found: found[0].translate(_PROTECTED), text[start + 2 : end - 2])
    declared = None
    try:
        declared = Declared(content, path, line=line)
        front = declared.validate(FrontMatter)
    except DeclarationError as error:
        # What stands on the line of the /* stands two characters further right than in the YAML alone.
        shift = _column_of(text, start) + 1
        mistakes = [
            replace(item, column=item.column + shift) if item.line == line and item.column else item
            for item in error.diagnostics
        ]
        return None, declared, _of_front_matter(mistakes)
    return front, declared, _of_front_matter(_relations(front, declared))


def _of_front_matter(mistakes: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [replace(item, rule=Rule.FRONT_MATTER) if item.rule is Rule.INVALID else item for item in mistakes]


def declared_front_matter(text: str, path: str) -> Declared:
    """Return the front matter of a valid template with the place of each key."""
    start, end = _front_matter(text, path)
    _, declared, _ = _read_front_matter(text, start, end, path)
    if declared is None:
        raise TemplateInvalid([Diagnostic(path=path, message="the front matter cannot be read")])
    return declared


def _parameter_names(declared: Declared | None) -> Sequence[str]:
    """Return the declared names, also where the front matter has mistakes elsewhere."""
    value = declared.value if declared is not None else None
    parameters = value.get("parameters") if isinstance(value, dict) else None
    return [str(name) for name in parameters] if isinstance(parameters, dict) else []


def _relations(front: FrontMatter, declared: Declared) -> Iterator[Diagnostic]:
    """Find the mistakes between parts that are right in themselves."""
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
    if front.warm != WarmSettings() and not front.cache.enabled:
        yield declared.diagnostic(("warm",), "answers that are not kept cannot be prepared ahead")
    if front.default is not None:
        yield from _default_mistakes(front.default, declared)
    if front.sunset is not None and front.deprecated is not None and front.sunset < front.deprecated:
        yield declared.diagnostic(("sunset",), "sunset is before deprecated")


def _default_mistakes(rows: Sequence[Mapping[str, Any]], declared: Declared) -> Iterator[Diagnostic]:
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


def _agreement(
    front: FrontMatter | None, names: Iterable[str], reviewed: Reviewed, declared: Declared
) -> Iterator[Diagnostic]:
    """Find where the front matter and the SQL speak of different things."""
    for name in names:
        if name not in reviewed.parameters:
            hint = f"write ${name} in the query, or remove it here"
            message = f"the query does not use the parameter {name}"
            yield declared.diagnostic(("parameters", name), message, hint, rule=Rule.UNUSED_PARAMETER)
    if front is None:
        return
    reads_clock = reviewed.volatility is not Volatility.IMMUTABLE
    if reads_clock and front.cache.enabled and front.cache.clock is None:
        what = "reads the clock" if reviewed.volatility is Volatility.CLOCK else "gives another answer each time"
        hint = "declare how long an answer holds, cache: {clock: 1m}, or cache: off"
        message = f"the query {what}, so its answers cannot be kept"
        yield declared.diagnostic(("cache", "clock"), message, hint, rule=Rule.CLOCK)
    if not reads_clock and front.cache.clock is not None:
        message = "cache.clock is declared, but the query reads no clock"
        yield declared.diagnostic(("cache", "clock"), message, rule=Rule.CLOCK)


def _advice(
    front: FrontMatter, reviewed: Reviewed, declared: Declared | None, text: str, body: int
) -> Iterator[Diagnostic]:
    if declared is not None:
        yield from advise_front_matter(
            declared, owner=front.owner, examples=len(front.examples), parameters=front.parameters
        )
        for mistake in reviewed.advice:
            yield replace(_in_file(mistake, text, body, declared.path), severity=SEVERITIES[mistake.rule])


def _in_file(mistake: SqlMistake, text: str, body: int, path: str) -> Diagnostic:
    place = min(body + mistake.offset, len(text))
    return Diagnostic(
        path=path,
        line=_line_of(text, place),
        column=_column_of(text, place),
        message=mistake.message,
        hint=mistake.hint,
        rule=mistake.rule,
    )


def _line_of(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _column_of(text: str, place: int) -> int:
    return place - text.rfind("\n", 0, place)


def _position(diagnostic: Diagnostic) -> tuple[int, int]:
    return diagnostic.line or 0, diagnostic.column or 0
