"""What a cache tier is: results by their key, and validations by their question."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import orjson

from gateway.cache.epochs import Epoch
from gateway.model import Edition, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The newest answer known for a question, and when it was last known to be right.

    ``checked_at`` is the instant, in seconds since the epoch, at which the snapshot it was compared with was pinned.
    """

    key: str
    checked_at: float
    seen: Mapping[str, Edition] = field(default_factory=dict)
    """The edition of each table that it was compared with."""
    epoch: int = 0
    """The number of the question in the epochs of the machine, when the validation was written."""

    def follows(self, other: Validation) -> bool:
        """Tell whether everything that the *other* was compared with, or a later edition of it, was seen for this."""
        return all(name in self.seen and self.seen[name].covers(edition) for name, edition in other.seen.items())

    def encode(self) -> bytes:
        """Write the validation as JSON."""
        seen = {
            name: [edition.line, edition.number, edition.began, edition.ended, edition.content]
            for name, edition in self.seen.items()
        }
        return orjson.dumps({"key": self.key, "checked_at": self.checked_at, "seen": seen, "sign": self.epoch})

    @classmethod
    def decode(cls, text: bytes) -> Validation | None:
        """Read a validation, also one of an earlier release; None for what is none."""
        try:
            found = orjson.loads(text)
            seen = {
                str(name): Edition(line=line, number=number, began=began, ended=ended, content=content)
                for name, (line, number, began, ended, content) in found.get("seen", {}).items()
            }
            return cls(
                key=str(found["key"]),
                checked_at=float(found["checked_at"]),
                seen=seen,
                epoch=int(found.get("sign", 0)),
            )
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
            return None


class Replaced(NamedTuple):
    """The outcome of ``put_validation``: the tier has this validation now, or one that is newer."""

    before: Validation | None
    """The validation that was there."""


def succeeding(before: Validation | None, validation: Validation) -> Validation:
    """Return which of two validations of a question is kept: *validation*, unless the one *before* may be newer."""
    if before is None or validation.follows(before):
        return validation
    return replace(before, epoch=validation.epoch) if before.key == validation.key else before


class Ready(NamedTuple):
    """An answer that can be sent as it is: its validation, its result, and its body where one was asked for.

    The result may be gone where no body was asked for.
    """

    validation: Validation
    result: Result | None
    body: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A kept result as operators see it: ``size`` in bytes as its tier counts them, ``created_at`` since the epoch."""

    key: str
    query: str
    version: int
    tables: tuple[str, ...]
    size: int
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How full a tier is, in bytes; None: it does not tell. One that does not work tells nothing."""

    used: int | None = None
    bound: int | None = None
    works: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """Which results to drop: those of a query, that read a table, that were made before an instant; None: any."""

    query: str | None = None
    table: str | None = None
    before: float | None = None

    def matches(self, entry: Entry) -> bool:
        """Tell whether an entry is meant.

        >>> entry = Entry(key="", query="delays", version=1, tables=("flights",), size=0, created_at=9.0)
        >>> Purge(table="flights", before=9.0).matches(entry), Purge(query="delays", table="flights").matches(entry)
        (False, True)
        """
        return (
            (self.query is None or self.query == entry.query)
            and (self.table is None or self.table in entry.tables)
            and (self.before is None or entry.created_at < self.before)
        )


def entry_of(result: Result, size: int) -> Entry:
    """Describe a result that takes *size* bytes."""
    return Entry(
        key=result.key,
        query=result.query,
        version=result.version,
        tables=tuple(sorted({reading.table for reading in result.readings})),
        size=size,
        created_at=result.created_at,
    )


class TierError(Exception):
    """A tier cannot do its work now; it is skipped, and its answer is that it knows nothing."""


class ValueRejected(TierError):
    """A value that a tier keeps is not what it should be: it counts as absent, and the tier goes on."""


class OneByOne(ABC):
    """A tier to which several results at once mean no more than one after the other."""

    @abstractmethod
    def result(self, key: str) -> Result | None:
        """Return the result of a key, or None."""

    @abstractmethod
    def put(self, result: Result, *, lifetime: float) -> bool:
        """Keep a result; return whether it was kept."""

    def results(self, keys: Iterable[str]) -> Mapping[str, Result | ValueRejected]:
        """Return those of several results that there are."""
        found = {key: self._found(key) for key in keys}
        return {key: result for key, result in found.items() if result is not None}

    def put_all(self, results: Sequence[Result], *, lifetime: float) -> None:
        """Keep several results."""
        for result in results:
            self.put(result, lifetime=lifetime)

    def _found(self, key: str) -> Result | ValueRejected | None:
        try:
            return self.result(key)
        except ValueRejected as rejected:
            return rejected


class Tier(Protocol):
    """A place that keeps results and validations for a while. A tier may forget anything at any time.

    ``lifetime`` is in seconds. A result is immutable: two of the same key are interchangeable. Every method may
    raise ``TierError``, within a bounded time (``entries``, ``drop`` and ``room``, which look at everything, excepted).
    """

    name: str

    def result(self, key: str) -> Result | None:
        """Return the result of a key, or None."""

    def put(self, result: Result, *, lifetime: float) -> bool:
        """Keep a result; return whether it was kept (it may be too large)."""

    def results(self, keys: Iterable[str]) -> Mapping[str, Result | ValueRejected]:
        """Return those of several results that there are, all at once; the error in place of one that is rejected."""

    def put_all(self, results: Sequence[Result], *, lifetime: float) -> None:
        """Keep several results, all at once, as far as there is room for them."""

    def extend(self, key: str, *, lifetime: float) -> None:
        """Keep the result of a key, if there is one, for *lifetime* from now at least."""

    def validation(self, question: str) -> Validation | None:
        """Return the validation of a question, or None."""

    def put_validation(self, question: str, validation: Validation, *, lifetime: float) -> Replaced | None:
        """Keep the validation of a question, in place of one that it follows, in one step; None where that failed."""

    def entries(self) -> Iterator[Entry]:
        """List what is kept, in no order."""

    def drop(self, which: Purge) -> int:
        """Forget the results that are meant; return how many there were."""

    def room(self) -> Room:
        """Tell how full the tier is."""

    def close(self) -> None:
        """Release what the tier holds; idempotent."""


class Encodings(Protocol):
    """A place that keeps bodies already encoded, by the key of their result and a name of the form."""

    @property
    def used(self) -> int:
        """Bytes that are kept."""

    @property
    def largest(self) -> int:
        """Bytes of the largest body that can be kept."""

    def encoding(self, key: str, form: str) -> bytes | None:
        """Return the body of a result in one form, or None."""

    def keep_encoding(self, result: Result, form: str, body: bytes) -> None:
        """Keep the body of a result in one form, if there is room."""

    def ready(self, question: str, form: str | None) -> Ready | None:
        """Return the newest answer known of a question with its body, in one step; None where a part is missing.

        None too where the validation is not trusted. It counts as a use, as with the other methods.
        *form* None asks for no body.
        """

    def trust(self, question: str, key: str, epoch: Epoch) -> None:
        """Trust the validation of a question, if it is of *key*, for as long as the *epoch* holds."""

    def trusted(self, question: str) -> Validation | None:
        """Return the validation of a question where it is trusted."""

    def distrust(self, question: str | None) -> None:
        """No longer trust the validation of a question, None: of any."""
