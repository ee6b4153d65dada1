"""Every error that a caller or an operator is answered with, by its public code.

    GatewayError
    ├── RequestError          the caller can fix it
    │   ├── MalformedRequest      400 malformed-request
    │   ├── Unauthenticated       401 unauthenticated
    │   ├── Forbidden             403 forbidden
    │   ├── QueryNotFound         404 query-not-found
    │   ├── VersionNotFound       404 version-not-found
    │   ├── TableNotFound         404 table-not-found
    │   ├── DatasetVersionNotFound 404 dataset-version-not-found
    │   ├── TagNotFound           404 tag-not-found
    │   ├── JobNotFound           404 job-not-found
    │   ├── NotAcceptable         406 not-acceptable
    │   ├── JobHasEnded           409 job-has-ended
    │   ├── QueryStopped          409 query-stopped
    │   ├── TagTaken              409 tag-taken
    │   ├── TagInUse              409 tag-in-use
    │   ├── VersionRetired        410 version-retired
    │   ├── CursorExpired         410 cursor-expired
    │   ├── PreconditionFailed    412 precondition-failed
    │   ├── RangeNotSatisfiable   416 range-not-satisfiable
    │   ├── InvalidParameters     422 invalid-parameters
    │   ├── ScanTooLarge          422 scan-too-large
    │   ├── ResultTooLarge        422 result-too-large
    │   ├── QueryFailed           422 query-failed
    │   ├── InputInvalid          422 input-invalid
    │   ├── IdempotencyKeyReused  422 idempotency-key-reused
    │   ├── QuotaExceeded         429 quota-exceeded
    │   ├── ClientGone            499 client-gone
    │   └── NotCached             504 not-cached
    ├── CapacityError         try again
    │   ├── QueueFull             503 queue-full
    │   ├── ShuttingDown          503 shutting-down
    │   └── JobCancelled          503 job-cancelled
    ├── UpstreamError         a dependency failed
    │   ├── EngineFailed          502 engine-failed
    │   ├── StorageFailed         502 storage-failed
    │   │   └── FileDamaged       502 file-damaged
    │   ├── ValueMisfit           502 value-misfit
    │   ├── FilesChanged          503 files-changed
    │   ├── ClusterUnavailable    503 cluster-unavailable
    │   ├── JobAbandoned          502 job-abandoned
    │   └── DeadlineExceeded      504 deadline-exceeded
    └── DefinitionError       the repository is wrong, with file, line and column
        ├── TemplateInvalid       500 template-invalid
        ├── TableInvalid          500 table-invalid
        │   └── DatasetNotBuilt   503 dataset-not-built
        ├── AccessInvalid         500 access-invalid
        └── SettingsInvalid       500 settings-invalid

Codes are public: unique, documented in ``docs/errors.md``, never reused.

Exceptions outside this tree (``SqlError``, ``TransformError``, ``DeclarationError``, ``TierError``, ``NoBase`` …) are
signals between a few modules: each is caught by name inside the package and becomes one of these, a ``Diagnostic`` or
a usage error of the command line. ``tests/house/test_exceptions.py`` keeps it so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

MOST_REPORTED = 20
"""Errors of a request that are reported one by one."""
LONGEST = 300
"""Characters of the longest text that reports one."""
_NAME = 64
"""Characters of the longest name that is repeated."""


class Severity(StrEnum):
    """How much a diagnostic matters: an error must be fixed, a warning read; a note says what could not be checked."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Rule(StrEnum):
    """What a diagnostic is about, for programs: stable words, documented in ``docs/checks.md``, never reused."""

    INVALID = "invalid"
    SETTINGS = "settings"
    TABLE = "table"
    DATA = "data"
    FRONT_MATTER = "front-matter"
    PLACE = "place"
    SYNTAX = "syntax"
    NOT_ALLOWED = "not-allowed"
    UNKNOWN_FUNCTION = "unknown-function"
    UNKNOWN_TABLE = "unknown-table"
    UNDECLARED_PARAMETER = "undeclared-parameter"
    UNUSED_PARAMETER = "unused-parameter"
    CLOCK = "clock"
    EXAMPLE = "example"
    SUCCESSOR = "successor"
    PUBLISHED = "published"
    INCOMPLETE = "incomplete"
    UNNAMED_COLUMN = "unnamed-column"
    SELECT_STAR = "select-star"
    UNORDERED_LIMIT = "unordered-limit"
    UNBOUNDED_SIZE = "unbounded-size"
    ASOF_JOIN = "asof-join"
    UNKNOWN_COLUMN = "unknown-column"
    BINDING = "binding"
    SAME_COLUMN = "same-column"
    UNKNOWN_SCHEMA = "unknown-schema"
    UNPRUNED = "unpruned"
    NOT_FOLDED = "not-folded"
    NOT_PORTABLE = "not-portable"
    NOT_COMPARED = "not-compared"
    OWNER = "owner"
    SUNSET = "sunset"
    TEST = "test"
    ACCESS = "access"
    MISSING_COMMA = "missing-comma"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding in a file of the project: where it is, what is wrong, what would be right.

    ``line`` and ``column`` count from 1; both are None when it concerns the file as a whole. ``fix`` are lines to write
    there, and ``also`` names other places of the same cause, as ``path:line:column``.
    """

    path: str
    message: str
    hint: str | None = None
    line: int | None = None
    column: int | None = None
    rule: Rule = Rule.INVALID
    severity: Severity = Severity.ERROR
    fix: str | None = None
    also: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Format where it is: ``path:line:column``, as far as that is known."""
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class GatewayError(Exception):
    """An error raised on purpose: a public code, an HTTP status, a title, and a detail for this occurrence.

    ``members`` are the extension members of the problem document (RFC 9457, section 3.2): JSON values only;
    ``headers`` go with it.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(
        self, detail: str, *, retry_after: float | None = None, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
        self.retry_after = retry_after
        self.members = members


class RequestError(GatewayError):
    """The caller can fix it."""


class MalformedRequest(RequestError):
    code, status, title = "malformed-request", 400, "The request cannot be read"


class Unauthenticated(RequestError):
    code, status, title = "unauthenticated", 401, "Who is asking is not known"


class Forbidden(RequestError):
    code, status, title = "forbidden", 403, "Not allowed"


class QueryNotFound(RequestError):
    code, status, title = "query-not-found", 404, "No such query"


class VersionNotFound(RequestError):
    code, status, title = "version-not-found", 404, "No such version of the query"


class TableNotFound(RequestError):
    code, status, title = "table-not-found", 404, "No such table"


class DatasetVersionNotFound(RequestError):
    code, status, title = "dataset-version-not-found", 404, "No such version of the dataset"


class TagNotFound(RequestError):
    code, status, title = "tag-not-found", 404, "No such tag"


class TagTaken(RequestError):
    """A tag is that of another version, ``version``."""

    code, status, title = "tag-taken", 409, "The tag is that of another version"


class TagInUse(RequestError):
    """A tag is that of a version which declarations name, and they have no other."""

    code, status, title = "tag-in-use", 409, "A declaration names the tag"


class JobNotFound(RequestError):
    code, status, title = "job-not-found", 404, "No such job"


class JobHasEnded(RequestError):
    """A job that is done, or has failed, is not cancelled any more."""

    code, status, title = "job-has-ended", 409, "The job has ended"


class QueryStopped(RequestError):
    """Somebody who runs the gateway has stopped a query: asking again at once would only have it stopped again."""

    code, status, title = "query-stopped", 409, "The query was stopped"


class NotAcceptable(RequestError):
    code, status, title = "not-acceptable", 406, "No such format"


class VersionRetired(RequestError):
    code, status, title = "version-retired", 410, "This version of the query is retired"


class CursorExpired(RequestError):
    code, status, title = "cursor-expired", 410, "The result behind this cursor is gone"


class SnapshotGone(RequestError):
    """A named snapshot is not kept, or files of it were changed or removed: ``table`` and ``file`` name them."""

    code, status, title = "snapshot-gone", 410, "The snapshot is gone"


class SplitGone(RequestError):
    """A split is of a result, or of files, that its question does not give any more."""

    code, status, title = "split-gone", 410, "What the split is of is gone"


class PreconditionFailed(RequestError):
    """What is there is not what the caller has."""

    code, status, title = "precondition-failed", 412, "The result is another one"


class RangeNotSatisfiable(RequestError):
    """``Content-Range`` says how long the body is."""

    code, status, title = "range-not-satisfiable", 416, "The body has no such part"


class InvalidParameters(RequestError):
    """One or more parameters are wrong; ``errors`` lists them as ``{"parameter", "detail"}``.

    The first ``MOST_REPORTED`` are reported, each in a bounded text, and ``more`` says how many others there are: an
    answer must not grow with what is wrong in the request.
    """

    code, status, title = "invalid-parameters", 422, "Some parameters are not valid"

    def __init__(self, errors: Sequence[dict[str, Any]]) -> None:
        reported = [
            {name: shortened(str(text), _NAME if name == "parameter" else LONGEST) for name, text in error.items()}
            for error in errors[:MOST_REPORTED]
        ]
        names, more = ", ".join(dict.fromkeys(error["parameter"] for error in reported)), len(errors) - len(reported)
        rest = f" and {more:,} more" if more else ""
        super().__init__(f"Not valid: {names}{rest}.", errors=reported, more=more or None)
        self.errors = reported


class ScanTooLarge(RequestError):
    code, status, title = "scan-too-large", 422, "The query would read too much"


TOO_LARGE = (
    "The result is too large to be gathered: ask without _limit for CSV, NDJSON, Arrow, Parquet or JSON of rows, which "
    "are sent while they are computed; or narrow the question, or aggregate it."
)


class ResultTooLarge(RequestError):
    code, status, title = "result-too-large", 422, "The result is too large"


class QueryFailed(RequestError):
    """The data and these parameters make the query fail, e.g. a cast or a division in the author's SQL."""

    code, status, title = "query-failed", 422, "The query failed for these parameters"


class InputInvalid(RequestError):
    """Rows to be written cannot be read or do not fit their table; nothing was written."""

    code, status, title = "input-invalid", 422, "The input cannot be written to the table"


class IdempotencyKeyReused(RequestError):
    code, status, title = "idempotency-key-reused", 422, "The key was sent with another request"


class QuotaExceeded(RequestError):
    code, status, title, retryable = "quota-exceeded", 429, "Quota exceeded", True


class ClientGone(RequestError):
    """The client disconnected before it was answered; nobody reads this but the log."""

    code, status, title = "client-gone", 499, "The client has left"


class NotCached(RequestError):
    """The caller wants nothing computed (``only-if-cached``), and nothing is kept that may be served."""

    code, status, title = "not-cached", 504, "No answer is kept"


class CapacityError(GatewayError):
    """The gateway is busy or stopping: try again."""

    retryable = True


class QueueFull(CapacityError):
    code, status, title = "queue-full", 503, "Too many queries are waiting"


class ShuttingDown(CapacityError):
    code, status, title = "shutting-down", 503, "The gateway is stopping"


class JobCancelled(CapacityError):
    """A job is stopped because somebody has cancelled it; nobody reads this but who does the work."""

    code, status, title = "job-cancelled", 503, "The job was cancelled"


class UpstreamError(GatewayError):
    """A dependency failed."""

    retryable = True


class Fate(StrEnum):
    """What a query was when the engine's process ended under it: the reason, perhaps the reason, or beside it."""

    CULPRIT = "culprit"
    SUSPECT = "suspect"
    BYSTANDER = "bystander"


class EngineFailed(UpstreamError):
    """The engine failed. ``lost`` is the fate of the query where the engine's process ended before its last row.

    ``memory`` tells that the engine itself refused to take more of it.
    """

    code, status, title = "engine-failed", 502, "The engine failed"

    def __init__(self, detail: str, *, lost: Fate | None = None, memory: bool = False, **members: Any) -> None:
        super().__init__(detail, **members)
        self.lost = None if lost is None else Fate(lost)
        self.memory = memory


class StorageFailed(UpstreamError):
    """A store failed. What is asked again may succeed where the failure is ``passing``: busy, unreachable, cut short.

    ``path`` is the address of the file at fault, where it is known; it is not reported to callers.
    """

    code, status, title = "storage-failed", 502, "The object store failed"

    def __init__(self, detail: str, *, passing: bool = False, path: str | None = None, **members: Any) -> None:
        super().__init__(detail, **members)
        self.passing = passing
        self.path = path


class FileDamaged(StorageFailed):
    """A data file cannot be read as Parquet, though the store gives all of it: its owner has to write it again."""

    code, status, title, retryable = "file-damaged", 502, "A data file is damaged", False


MISFIT = "gateway-misfit:"
"""What the message of the engine begins with where SQL of the gateway found a value that does not fit its column."""


class ValueMisfit(UpstreamError):
    """A file stores a value that its column's declared type cannot hold without loss, or a type that has no cast to it.

    ``path`` is the file's, relative to the location of its table; it is not reported to callers.
    """

    code, status, title, retryable = "value-misfit", 502, "A data file does not fit the declaration of its table", False

    def __init__(self, detail: str, *, path: str | None = None, **members: Any) -> None:
        super().__init__(detail, **members)
        self.path = path


class FilesChanged(UpstreamError):
    """Files of the snapshot were replaced or removed under the query: plan it again on a fresh manifest.

    ``path`` is the address of one of them, where it is known; it is not reported to callers.
    """

    code, status, title = "files-changed", 503, "The data kept changing while the query ran"

    def __init__(self, detail: str, *, path: str | None = None, **members: Any) -> None:
        super().__init__(detail, **members)
        self.path = path


class ClusterUnavailable(UpstreamError):
    """The cluster cannot compute partials now: it is gone, has no workers that fit, or lost them under the query."""

    code, status, title = "cluster-unavailable", 503, "The cluster cannot be used"


class JobAbandoned(UpstreamError):
    """The workers that took a job up have ended, one after the other, before they got anywhere."""

    code, status, title = "job-abandoned", 502, "The job was given up"


class DeadlineExceeded(UpstreamError):
    """Time is up. ``path`` is the address of the file whose store let it pass, where that is the reason."""

    code, status, title = "deadline-exceeded", 504, "The query took too long"

    def __init__(self, detail: str, *, path: str | None = None, **members: Any) -> None:
        super().__init__(detail, **members)
        self.path = path


class DefinitionError(GatewayError):
    """The project's files are wrong: every error at once, each with its file, line and column."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class TemplateInvalid(DefinitionError):
    code, status, title = "template-invalid", 500, "A query template is not valid"


class TableInvalid(DefinitionError):
    code, status, title = "table-invalid", 500, "A table declaration is not valid"


class DatasetNotBuilt(TableInvalid):
    """Nothing is wrong with the declaration, but that its dataset, or the version it names, was not built yet."""

    code, status, title = "dataset-not-built", 503, "The dataset was not built yet"


class AccessInvalid(DefinitionError):
    code, status, title = "access-invalid", 500, "The grants or the keys are not valid"


class SettingsInvalid(DefinitionError):
    code, status, title = "settings-invalid", 500, "The settings are not valid"


def shortened(text: str, longest: int = LONGEST) -> str:
    """Cut a text that is longer than *longest* characters.

    >>> shortened("a long name", 7)
    'a long…'
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def quoted(word: str) -> str:
    """Quote a word of a caller, shortened: what is answered must not grow with what was sent.

    >>> quoted("a" * 100) == repr("a" * 63 + "…")
    True
    """
    return repr(shortened(word, _NAME))
