"""Declared parameters of templates, and the binding of a request's values to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationInfo,
    field_validator,
)

from gateway.declaration import parse_duration
from gateway.errors import MOST_REPORTED, InvalidParameters
from gateway.model import RelativeTimes, TypedValue, Value
from gateway.query.coerce import coerce, format_value
from gateway.query.numerals import json_number
from gateway.query.refused import Refused, shown
from gateway.query.relative import Now, is_relative, parse, present
from gateway.query.rounding import DAY, floor
from gateway.query.times import EPOCHS, TimeForms
from gateway.query.types import TIMES, Kind, ParameterType, parse_type
from gateway.query.zones import GREENWICH, read_zone
from gateway.suggestions import did_you_mean

MAX_LENGTH = 10_000
"""Characters of a varchar, unless its declaration says otherwise."""
MAX_ITEMS = 10_000
"""Items of a list, unless its declaration says otherwise."""

_ORDERED = frozenset(Kind) - {Kind.BOOLEAN, Kind.VARCHAR, Kind.UUID, Kind.LIST}
_ROUNDED = TIMES | {Kind.INTEGER, Kind.DECIMAL}


def _zone_or_none(name: object) -> ZoneInfo | None:
    return None if name is None else read_zone(name)


class Parameter(BaseModel):
    """One declared parameter. ``choices``, ``min``, ``max``, ``default`` and ``bucket`` are values of its type.

    Where the type is a list, the bounds hold for each item. ``bucket`` rounds down: a time to multiples of a duration
    counted from Monday 2000-01-03 (a ``timedelta``), a number to multiples of a number. ``zone``, ``epoch`` and
    ``relative`` say how a time may be written beside its usual form; ``relative`` is the width in seconds that ``now``
    is rounded down to, or True for that of the template. A ``default`` in relative times is kept as it is written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    # The order matters: a validator sees the fields above it.
    type: Annotated[InstanceOf[ParameterType], BeforeValidator(parse_type, json_schema_input_type=str)]
    description: str = ""
    optional: bool = False
    nonfinite: bool = False
    zone: Annotated[InstanceOf[ZoneInfo] | None, BeforeValidator(_zone_or_none, json_schema_input_type=str | None)] = (
        None
    )
    epoch: str | None = None
    relative: Any = None
    pattern: str | None = None
    min_length: int = Field(0, ge=0)
    max_length: int = Field(MAX_LENGTH, ge=0, le=1_000_000)
    max_items: int = Field(MAX_ITEMS, ge=1, le=1_000_000)
    min: Any = None
    max: Any = None
    choices: list[Any] | None = Field(None, min_length=1)
    bucket: Any = None
    default: Any = None

    @property
    def sql_type(self) -> str:
        """Return the DuckDB type that values are bound as."""
        return self.type.sql

    @property
    def required(self) -> bool:
        """Return whether a request must give a value."""
        return not self.optional and self.default is None

    def read(self, given: Any, *, textual: bool = False, now: Now | None = None) -> Value:
        """Turn what a caller gave into a value. Raises ``Refused``.

        *given* is a JSON value or, where *textual*, all the texts given under the name. Relative times count from
        *now*; None: from the present.
        """
        if textual:
            given = self._from_texts(given)
        forms = self._forms(now)
        if given is None:
            if self.optional:
                return None
            raise Refused("is null, but the parameter is not optional")
        if self.type.item is None:
            return self._read_one(given, forms)
        if not isinstance(given, list):
            raise Refused(f"{shown(given)} is not a list of {self.type.item}")
        return self._read_list(given, forms)

    def relative_times(self, given: Any, now: Now, *, textual: bool = False) -> RelativeTimes | None:
        """Tell how a value that can be read was written in relative times, and how long they mean it; None: in none."""
        if self.relative is None:
            return None
        items = self._from_texts(given) if textual else given
        items = items if isinstance(items, list) else [items]
        found = dict.fromkeys(parse(item) for item in items if is_relative(item))
        if not found:
            return None
        counted, zone = now.every(self._width), self.zone or GREENWICH
        written = [str(parse(item)) if is_relative(item) else str(format_value(item)) for item in items]
        return RelativeTimes(written=tuple(written), until=min(each.until(counted, zone) for each in found))

    def default_at(self, now: Now | None = None) -> Value:
        """Return the default, None where there is none."""
        if self.relative is None or self.default is None:
            return self.default  # type: ignore[no-any-return]  # a Value: it went through read()
        return self.read(format_value(self.default), now=now)

    @property
    def _width(self) -> float | None:
        return None if self.relative is True else self.relative

    def _forms(self, now: Now | None) -> TimeForms:
        counted = None if self.relative is None else (now or present()).every(self._width)
        return TimeForms(zone=self.zone, epoch=self.epoch, now=counted)

    def _from_texts(self, texts: list[str]) -> Any:
        if self.type.item is not None:
            return [item for text in texts for item in _items(text)]
        if len(texts) != 1:
            raise Refused(f"is given {len(texts)} times, but is one value")
        return texts[0]

    def _read_list(self, given: list[Any], forms: TimeForms) -> Value:
        if len(given) > self.max_items:
            raise Refused(f"has {len(given)} items, but at most {self.max_items} are allowed")
        values: list[Value] = []
        for number, item in enumerate(given, start=1):
            try:
                values.append(self._read_one(item, forms))
            except Refused as error:
                raise Refused(f"item {number}: {error}") from error
        return values

    def _read_one(self, given: Any, forms: TimeForms) -> Value:
        type_ = self.type.scalar
        value = coerce(given, type_, nonfinite=self.nonfinite, forms=forms)
        if type_.kind is Kind.VARCHAR:
            self._check_text(value)
        if self.choices is not None and not any(_same(value, choice) for choice in self.choices):
            raise Refused(
                f"{shown(given)} is not one of {', '.join(str(format_value(choice)) for choice in self.choices)}"
            )
        if self.min is not None and not value >= self.min:
            raise Refused(f"{shown(given)} is below the minimum, {format_value(self.min)}")
        if self.max is not None and not value <= self.max:
            raise Refused(f"{shown(given)} is above the maximum, {format_value(self.max)}")
        return value if self.bucket is None else floor(value, self.bucket, type_, self.zone)

    def _check_text(self, value: Any) -> None:
        if not self.min_length <= len(value) <= self.max_length:
            raise Refused(f"has {len(value)} characters, but {self.min_length} to {self.max_length} are allowed")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise Refused(f"{shown(value)} does not match the pattern {self.pattern}")

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str | None, info: ValidationInfo) -> str | None:
        if pattern is not None:
            _only_for(info, {Kind.VARCHAR})
            try:
                re.compile(pattern)
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @field_validator("min_length", "max_length")
    @classmethod
    def _check_length(cls, length: int, info: ValidationInfo) -> int:
        _only_for(info, {Kind.VARCHAR})
        if info.field_name == "max_length" and length < info.data.get("min_length", 0):
            raise ValueError(f"is below min_length, {info.data['min_length']}")
        return length

    @field_validator("max_items")
    @classmethod
    def _check_items(cls, count: int, info: ValidationInfo) -> int:
        declared = info.data.get("type")
        if declared is not None and declared.item is None:
            raise ValueError(f"is for lists only, not for {declared}")
        return count

    @field_validator("nonfinite")
    @classmethod
    def _check_nonfinite(cls, allowed: bool, info: ValidationInfo) -> bool:
        _only_for(info, {Kind.DOUBLE})
        return allowed

    @field_validator("zone", "epoch", "relative")
    @classmethod
    def _check_form(cls, form: Any, info: ValidationInfo) -> Any:
        if form is None or form is False:
            return None
        _only_for(info, TIMES)
        if info.field_name == "epoch" and form not in EPOCHS:
            raise ValueError(f"{form!r} is no unit of epoch time: write ms or s")
        if info.field_name == "relative" and form is not True:
            return _width_of_now(form)
        return form

    @field_validator("min", "max")
    @classmethod
    def _check_bound(cls, bound: Any, info: ValidationInfo) -> Any:
        if bound is None or "type" not in info.data:
            return None
        _only_for(info, _ORDERED)
        value = _declared_value(bound, info)
        low = info.data.get("min") if info.field_name == "max" else None
        if low is not None and value < low:
            raise ValueError(f"is below min, {format_value(low)}")
        return value

    @field_validator("choices")
    @classmethod
    def _check_choices(cls, choices: list[Any] | None, info: ValidationInfo) -> list[Any] | None:
        if choices is None or "type" not in info.data:
            return None
        return [_declared_value(choice, info) for choice in choices]

    @field_validator("bucket")
    @classmethod
    def _check_bucket(cls, bucket: Any, info: ValidationInfo) -> Any:
        if bucket is None or "type" not in info.data:
            return None
        _only_for(info, _ROUNDED)
        if info.data.get("choices") is not None:
            raise ValueError("cannot stand beside choices: list the rounded values as choices")
        type_: ParameterType = info.data["type"].scalar
        width = _duration(bucket, type_) if type_.kind in TIMES else _declared_value(bucket, info)
        if not width > type(width)():
            raise ValueError("must be above zero")
        for name in ("min", "max"):
            bound = info.data.get(name)
            if bound is not None and floor(bound, width, type_, info.data.get("zone")) != bound:
                raise ValueError(
                    f"does not divide {name}, {format_value(bound)}: a value at the bound would be rounded out of it"
                )
        return width

    @field_validator("default")
    @classmethod
    def _check_default(cls, default: Any, info: ValidationInfo) -> Any:
        if default is None or "type" not in info.data:
            return None
        # All fields stand above this one, so what validated of them is the parameter itself.
        parameter = cls.model_construct(**info.data)
        value = parameter.read(default)
        return value if parameter.relative_times(default, present()) is None else default


def bind_parameters(
    declared: Mapping[str, Parameter], given: Mapping[str, Any], *, textual: bool = False, now: Now | None = None
) -> dict[str, TypedValue]:
    """Type, check and round all parameters of a request, in the declared order.

    Relative times count from *now*; None: from the present. Raises ``InvalidParameters`` with every wrong, unknown or
    missing one.
    """
    bound: dict[str, TypedValue] = {}
    errors: list[dict[str, Any]] = []
    for name, parameter in declared.items():
        try:
            value = _value_of(name, parameter, given, textual, now)
        except Refused as error:
            errors.append({"parameter": name, "detail": str(error)})
            continue
        bound[name] = TypedValue(value=value, type=parameter.type.sql)
    errors.extend(_unknown(declared, given))
    if errors:
        raise InvalidParameters(errors)
    return bound


def relative_times(
    declared: Mapping[str, Parameter], given: Mapping[str, Any], now: Now, *, textual: bool = False
) -> dict[str, RelativeTimes]:
    """Tell which parameters of a request that can be bound are written in relative times, or are so by default."""
    found = {}
    for name, parameter in declared.items():
        if parameter.relative is None:
            continue
        asked = name in given
        value = given[name] if asked else format_value(parameter.default)
        times = parameter.relative_times(value, now, textual=textual and asked)
        if times is not None:
            found[name] = times
    return found


def _value_of(name: str, parameter: Parameter, given: Mapping[str, Any], textual: bool, now: Now | None) -> Value:
    if name in given:
        return parameter.read(given[name], textual=textual, now=now)
    if parameter.default is not None:
        return parameter.default_at(now)
    if parameter.optional:
        return None
    raise Refused(f"is missing: a {parameter.type} is required")


def _unknown(declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    accepted = f"accepted: {', '.join(declared)}" if declared else "the query has no parameters"
    for number, name in enumerate(unknown for unknown in given if unknown not in declared):
        hint = did_you_mean(name[:200], declared) if number < MOST_REPORTED else None  # the others are only counted
        yield {"parameter": name[:200], "detail": f"is not a parameter of this query: {hint or accepted}"}


def _items(text: str) -> list[Any]:
    """Read one text of a repeated parameter: an item, or several as a JSON list."""
    if not text.startswith("["):
        return [text]
    try:
        items = json.loads(text, parse_float=json_number, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        message = 'starts with "[" and is not a JSON list: write an item that starts so as ["[…"]'
        raise Refused(f"{shown(text)} {message}") from error
    return list(items)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _only_for(info: ValidationInfo, kinds: frozenset[Kind] | set[Kind]) -> None:
    declared = info.data.get("type")
    if declared is not None and declared.scalar.kind not in kinds:
        accepted = ", ".join(kind for kind in Kind if kind in kinds)
        raise ValueError(f"is for {accepted} only, not for {declared}")


def _declared_value(value: Any, info: ValidationInfo) -> Any:
    forms = TimeForms(zone=info.data.get("zone"))
    return coerce(value, info.data["type"].scalar, nonfinite=info.data.get("nonfinite", False), forms=forms)


def _width_of_now(declared: Any) -> float:
    """Read how wide the buckets of ``now`` are, in seconds."""
    width = parse_duration(declared)
    if width <= 0:
        raise ValueError("must be true, or a duration above zero such as 1m")
    return width


def _duration(bucket: Any, type_: ParameterType) -> timedelta:
    try:
        width = timedelta(seconds=parse_duration(bucket))
    except OverflowError as error:
        raise ValueError(f"{bucket} is too long") from error
    if type_.kind is Kind.DATE and width % DAY:
        raise ValueError("must be whole days for a date, such as 7d")
    return width


def _same(value: Value, choice: Value) -> bool:
    return value == choice or (value != value and choice != choice)
