"""Read YAML declarations into pydantic models, keeping where every key stands in its file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar, get_args, get_origin

import yaml
from pydantic import AliasPath, BaseModel, BeforeValidator, ValidationError

from gateway.errors import Diagnostic, Rule, Severity, did_you_mean

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


Size = Annotated[int, BeforeValidator(parse_size)]
"""A number of bytes, written as such or as ``256MiB``."""
Duration = Annotated[float, BeforeValidator(parse_duration)]
"""A number of seconds, written as such or as ``5m``."""


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
                {name: value for name, value in asdict(diagnostic).items() if value is not None}
                for diagnostic in self.diagnostics
            ],
        }


def utf8_text(content: bytes, path: str) -> str:
    """Decode the content of the file *path*. Raises ``DeclarationError`` with the position of the first wrong byte."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise DeclarationError(
            [Diagnostic(path=path, line=line, column=column, message="is not UTF-8 text")]
        ) from error


class Declared:
    """A parsed YAML document that knows the line and column of each of its values and keys."""

    def __init__(self, text: str, path: str, *, line: int = 1) -> None:
        """Parse *text*, which starts at *line* of the file *path*. Raises ``DeclarationError``."""
        self.path = path
        self._first_line = line
        try:
            self._root = _composed(text)
            self.value: Any = _Loader("").construct_document(self._root) if self._root is not None else {}
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise DeclarationError(
                [
                    Diagnostic(
                        path=path,
                        line=line + mark.line if mark else line,
                        column=mark.column + 1 if mark else None,
                        message=f"not valid YAML: {error.problem or error.context}",
                        hint="quote a text that holds ': ', '#' or a leading special character",
                    )
                ]
            ) from error
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise DeclarationError(
                [Diagnostic(path=path, line=line, message=f"not valid YAML: {error or 'nested too deep'}")]
            ) from error

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
            raise DeclarationError([self._explain(item, model) for item in error.errors()]) from error

    def _explain(self, item: Any, model: type[BaseModel]) -> Diagnostic:
        where: Path = tuple(item["loc"])
        dotted = ".".join(str(step) for step in where) or "the document"
        if item["type"] == "extra_forbidden":
            accepted = _accepted(model, where[:-1])
            hint = did_you_mean(str(where[-1]), accepted) or (f"accepted: {', '.join(accepted)}" if accepted else None)
            return self.diagnostic(where, f"unknown key {str(where[-1])!r}", hint)
        if item["type"] == "missing":
            return self.diagnostic(where[:-1], f"{dotted} is missing")
        message = str(item["msg"]).removeprefix("Value error, ")
        if not message[:2].isupper():
            message = message[:1].lower() + message[1:]
        hint = item.get("ctx", {}).get("hint")
        return self.diagnostic(where, f"{dotted}: {message}", hint)


class DeclarationError(Exception):
    """A YAML document cannot be read or does not validate; the reader of the document names its kind."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key may stand only once and aliases are refused (they can explode)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it bare
            raise yaml.composer.ComposerError(None, None, "aliases are not supported", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is one word or number", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_QUICK: Any = getattr(yaml, "CSafeLoader", None)
"""The library's parser in C, where it was built with it: fourteen times as fast."""
_RARE = frozenset("*&!?%@")
_DEEPEST = 300


def _composed(text: str) -> yaml.Node | None:
    """Parse *text*; by the quick parser where both are known to read it alike (see ``tests/property``)."""
    if _QUICK is not None and _is_plain(text):
        try:
            return yaml.compose(text, Loader=_QUICK)
        except yaml.YAMLError:
            pass  # the other one says why, in words that are the same everywhere
    return yaml.compose(text, Loader=_Loader)


def _is_plain(text: str) -> bool:
    """Return whether a text has nothing that is rare: no alias, tag, tab or second document, and no deep nesting."""
    return (
        _RARE.isdisjoint(text)
        and "---" not in text
        and "..." not in text
        and text.replace("\n", "").isprintable()
        and sum(map(text.count, ("[", "{", "- "))) < _DEEPEST
    )


def _accepted(model: type[BaseModel], where: Path) -> list[str]:
    """Names of the keys that *model* accepts at *where*; empty where that is not known."""
    current: Any = model
    for step in where:
        if isinstance(step, int):
            current = next(iter(get_args(current)), current)
            continue
        if get_origin(current) is dict:
            current = get_args(current)[1]
            continue
        fields = getattr(current, "model_fields", None)
        if fields is None:
            return []
        by_alias = {info.alias or name: info for name, info in fields.items()}
        if step not in by_alias:
            return []
        current = by_alias[step].annotation
    fields = getattr(current, "model_fields", {})
    # What is read by a path is another view of a key that has its own field.
    return [info.alias or name for name, info in fields.items() if not isinstance(info.validation_alias, AliasPath)]
