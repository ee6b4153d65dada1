"""Read YAML declarations into pydantic models, keeping where every key stands in its file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import AliasPath, BaseModel, BeforeValidator, Field, ValidationError

from gateway.errors import Diagnostic, Rule, Severity
from gateway.odd_characters import PROSE, plain_quotes
from gateway.suggestions import did_you_mean, near
from gateway.yaml_document import YamlMistake, parse

Model = TypeVar("Model", bound=BaseModel)
Number = TypeVar("Number", int, float)
Path = tuple[str | int, ...]

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?\s*")
_UNITS = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
LARGEST_SIZE = 2**60
"""Bytes of the largest size that can be written: 1 EiB, which still fits where sizes are added up in 64 bits."""
LONGEST = 36_500 * 86_400.0
"""Seconds of the longest duration that can be written: a hundred years, which every clock can still be set to."""
DEPENDENT: Final = "dependent"
"""Type of an error of a value that another key of its mapping does not allow."""
_UNKNOWN: Final = "extra_forbidden"
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")


def parse_size(value: object) -> int:
    """Turn ``"256MiB"`` or a number of bytes into bytes, up to ``LARGEST_SIZE``. Raises ``ValueError``.

    >>> parse_size("1.5KiB")
    1536
    """
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return _at_most(LARGEST_SIZE, "1EiB", int(Decimal(match[1]) * _UNITS[match[2] or "B"]), value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return _at_most(LARGEST_SIZE, "1EiB", value, value)
    raise ValueError(f"{value!r} is not a size: write bytes, or a number with a unit such as 256MiB")


def parse_duration(value: object) -> float:
    """Turn ``"5m"`` or a number of seconds into seconds, up to ``LONGEST``. Raises ``ValueError``.

    >>> parse_duration("5m")
    300.0
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return _at_most(LONGEST, "36500d", float(match[1]) * _SECONDS[match[2]], value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return _at_most(LONGEST, "36500d", float(value), value)
    raise ValueError(f"{value!r} is not a duration: write a number with ms, s, m, h or d, such as 30s")


def _at_most(most: Number, written: str, number: Number, value: object) -> Number:
    if number > most:
        raise ValueError(f"{value!r} is too much: at most {written}")
    return number


Size = Annotated[
    int, BeforeValidator(parse_size, json_schema_input_type=int | Annotated[str, Field(pattern=f"^{_SIZE.pattern}$")])
]
"""A number of bytes, written as such or as ``256MiB``."""
Duration = Annotated[
    float,
    BeforeValidator(
        parse_duration, json_schema_input_type=float | Annotated[str, Field(pattern=f"^{_DURATION.pattern}$")]
    ),
]
"""A number of seconds, written as such or as ``5m``."""


_OTHER_ENCODINGS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
"""Marks of other encodings, which e.g. PowerShell writes."""


class FileKind(StrEnum):
    """What a file of a project declares."""

    TABLE = "table"
    QUERY = "query"


class Serving(StrEnum):
    """What is in service of a file that has errors."""

    CURRENT = "current"
    """The file as it is: its errors keep nothing from being served."""
    LAST_GOOD = "last-good"
    """What the file declared before."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenFile:
    """A file of a project with errors. ``path`` is relative to the project.

    ``name`` is that of its table or query, None for a whole folder; ``version`` is None where the path names none.
    """

    path: str
    kind: FileKind
    diagnostics: tuple[Diagnostic, ...]
    serving: Serving
    name: str | None = None
    version: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Format it for JSON: the errors with their positions, nothing of the server."""
        return {
            "path": self.path,
            "serving": self.serving.value,
            "mistakes": [
                {name: value for name, value in asdict(diagnostic).items() if value not in (None, ())}
                for diagnostic in self.diagnostics
            ],
        }


def utf8_text(content: bytes, path: str) -> str:
    """Decode the content of the file *path*, without the byte order mark that some editors put before it.

    Raises ``DeclarationError`` with the position of the first wrong byte.
    """
    for mark, encoding in _OTHER_ENCODINGS:
        if content.startswith(mark):
            found = Diagnostic(path=path, message=f"is {encoding} text", hint="save it as UTF-8")
            raise DeclarationError([found])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise DeclarationError(
            [Diagnostic(path=path, line=line, column=column, message="is not UTF-8 text", hint="save it as UTF-8")]
        ) from error


class Declared:
    """A parsed YAML document that knows the line and column of each of its values and keys."""

    def __init__(self, text: str, path: str, *, line: int = 1) -> None:
        """Parse *text*, which starts at *line* of the file *path*. Raises ``DeclarationError``."""
        self.path = path
        self._first_line = line
        try:
            self._root, self.value = parse(text)
        except YamlMistake as error:
            column = None if error.column is None else error.column + 1
            found = Diagnostic(path=path, line=line + error.line, column=column, message=error.message, hint=error.hint)
            raise DeclarationError([found]) from error

    def diagnostic(
        self,
        where: Path,
        message: str,
        hint: str | None = None,
        *,
        rule: Rule = Rule.INVALID,
        severity: Severity = Severity.ERROR,
    ) -> Diagnostic:
        """Make a diagnostic at the value at *where*, or at the nearest enclosing one that exists."""
        line, column = self.position(where)
        if PROSE.isdisjoint(where[-1:]):
            hint = plain_quotes(_text_at(self.value, where)) or hint
        return Diagnostic(
            path=self.path, line=line, column=column, message=message, hint=hint, rule=rule, severity=severity
        )

    def position(self, where: Path) -> tuple[int, int]:
        """Return line and column, from 1, of the key (for a mapping entry) or item at *where*."""
        mark = self._root.start_mark if self._root is not None else None
        node = self._root
        for step in where:
            found = None
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                found = (node.value[step], node.value[step])
            if found is None:
                break
            mark, node = found[0].start_mark, found[1]
        if mark is None:
            return self._first_line, 1
        return self._first_line + mark.line, mark.column + 1

    def validate(self, model: type[Model], *, context: Mapping[str, Any] | None = None) -> Model:
        """Validate the document as *model*, whose validators see *context*. Raises ``DeclarationError``.

        Every error is reported at its position.
        """
        try:
            return model.model_validate(self.value, context=context)
        except ValidationError as error:
            errors = self._without_branches(_without_consequences(error.errors(), model))
            found = [self._explain(item, model) for item in errors]
            raise DeclarationError(found, where=[tuple(item["loc"]) for item in errors]) from error

    def _without_branches(self, errors: Sequence[Any]) -> list[Any]:
        """Make one error of those of a value that may be of several kinds, at the place where it stands.

        Pydantic reports each kind by itself, below a name that it gives to the kind.
        """
        found: dict[Path, Any] = {}
        for item in errors:
            where = _there(self.value, item["loc"])
            if item["type"] in ("missing", _UNKNOWN) or where == item["loc"]:
                found.setdefault(item["loc"], item)
            elif where in found:
                found[where] = found[where] | {"or": (*found[where].get("or", ()), item)}
            else:
                found[where] = item | {"loc": where}
        below = {place[:-1] for place, item in found.items() if place and item["type"] not in ("missing", _UNKNOWN)}
        return [item for place, item in found.items() if item["type"] not in _KINDS or place not in below]

    def _explain(self, item: Any, model: type[BaseModel]) -> Diagnostic:
        where: Path = tuple(item["loc"])
        dotted = ".".join(str(step) for step in where) or "the document"
        if item["type"] == _UNKNOWN:
            accepted = _accepted(model, where[:-1])
            hint = did_you_mean(str(where[-1]), accepted) or (f"accepted: {', '.join(accepted)}" if accepted else None)
            return self.diagnostic(where, f"unknown key {str(where[-1])!r}", hint)
        if item["type"] == "missing":
            return self.diagnostic(where[:-1], f"{dotted} is missing")
        hint = item.get("ctx", {}).get("hint")
        if item["type"] in _SHAPED:
            hint = _shape(where) or hint
        words = " or ".join(dict.fromkeys(plain_words(each) for each in (item, *item.get("or", ()))))
        return self.diagnostic(where, f"{dotted}: {words.replace(' or write ', ', or ')}", hint)


def _there(value: Any, where: Path) -> Path:
    """Return those steps of a place that a document has."""
    steps: list[str | int] = []
    for step in where:
        item = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if item or (isinstance(value, dict) and step in value):
            value = value[step]
            steps.append(step)
    return tuple(steps)


def _shape(where: Path) -> str | None:
    """Show what a key holds, where something of another shape stands below it."""
    name = next((step for step in reversed(where) if isinstance(step, str)), "")
    return f"write {name}: {_SHAPES[name]}" if name in _SHAPES else None


def _text_at(value: Any, where: Path) -> str:
    """Return the text at a place of a document; empty where there is none."""
    for step in where:
        inside = isinstance(value, dict) or (isinstance(value, list) and isinstance(step, int) and step < len(value))
        value = (value.get(step) if isinstance(value, dict) else value[step]) if inside else None
    return value if isinstance(value, str) else ""


_SHAPES = {
    "columns": "{id: BIGINT, ts: TIMESTAMP}",
    "partitioned_by": "[{column: day, transform: day, source: ts}]",
    "limits": "{max_files: 5000, max_bytes: 20GiB}",
    "sorted_by": "[id, ts]",
    "parameters": "{start: {type: date}, end: {type: date}}",
    "cache": "{ttl: 5m}",
    "examples": "[{start: 2013-01-01, end: 2013-01-08}]",
}
"""What keys hold, by an example."""
_SHAPED = ("model_type", "dict_type", "mapping_type", "list_type", "tuple_type")
"""Errors of values that have another shape than what is read there."""
_KINDS = {
    "model_type": "write keys and their values, such as {key: value}",
    "dict_type": "write keys and their values, such as {key: value}",
    "mapping_type": "write keys and their values, such as {key: value}",
    "list_type": "write a list, such as [a, b]",
    "tuple_type": "write a list, such as [a, b]",
    "string_type": "is not a text: put it in quotes",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "date_type": "write a date, such as 2024-12-31",
    "date_from_datetime_parsing": "write a date, such as 2024-12-31",
}
"""What would be right, by the kind of an error of pydantic."""


def plain_words(item: Mapping[str, Any]) -> str:
    """Say what is wrong with a value, of an error of pydantic."""
    message = _KINDS.get(item["type"], str(item["msg"]).removeprefix("Value error, "))
    return message if message[:2].isupper() else message[:1].lower() + message[1:]


class DeclarationError(Exception):
    """A YAML document cannot be read or does not validate; the reader of the document names its kind.

    ``where`` are the places of values that do not validate.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], *, where: Iterable[Path] = ()) -> None:
        self.diagnostics, self.where = tuple(diagnostics), tuple(where)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


def _without_consequences(errors: Sequence[Any], model: type[BaseModel]) -> list[Any]:
    """Leave out what follows from a misspelt key: that the right one is missing, and what it would allow."""
    meant: dict[Path, set[str]] = {}
    for *where, name in (item["loc"] for item in errors if item["type"] == _UNKNOWN):
        meant.setdefault(tuple(where), set()).update(near(str(name), _accepted(model, tuple(where))))
    return [item for item in errors if not _follows(item, meant.get(tuple(item["loc"][:-1]), set()))]


def _follows(item: Any, meant: Collection[str]) -> bool:
    return (item["type"] == "missing" and item["loc"][-1] in meant) or (item["type"] == DEPENDENT and bool(meant))


def _accepted(model: type[BaseModel], where: Path) -> list[str]:
    """Names of the keys that *model* accepts at *where*; empty where that is not known."""
    current: Any = model
    for step in where:
        current = _below(_declared_as(current), step)
    current = _declared_as(current)
    fields = getattr(current, "model_fields", {})
    # What is read by a path is another view of a key that has its own field.
    return [info.alias or name for name, info in fields.items() if not isinstance(info.validation_alias, AliasPath)]


def _below(kind: Any, step: str | int) -> Any:
    """Return the type of what stands at *step* in a value of *kind*; None where that is not known."""
    if isinstance(step, int):
        return next(iter(get_args(kind)), kind)
    if get_origin(kind) in (dict, Mapping):
        return get_args(kind)[1]
    fields = getattr(kind, "model_fields", {})
    return next((info.annotation for name, info in fields.items() if step == (info.alias or name)), None)


def _declared_as(kind: Any) -> Any:
    """Return what keys can stand in of a type that may also be something else, such as None or a text."""
    while get_origin(kind) in (Annotated, UnionType, Union):
        kinds = get_args(kind)[:1] if get_origin(kind) is Annotated else get_args(kind)
        kind = next((each for each in kinds if _has_keys(each)), None)
    return kind


def _has_keys(kind: Any) -> bool:
    return get_origin(kind) is not None or hasattr(kind, "model_fields")
