"""One answer on its way: what is asked next, and what each thing that comes means. The part that does no I/O.

`Client` and `AsyncClient` send what `request` says, and tell what came: `opened` the head of an answer, `received` a
piece of its body, `finished` its end, `refused` a problem, `cut` a connection that broke. Pauses are theirs to sleep.

    transfer = Transfer(…)
    while not transfer.done:
        asked = transfer.request()          # If-None-Match of what is kept; Range of what is missing
        … transfer.opened(status, headers)  # Next.BODY: read it; Next.KEPT: take what is on disk; Next.PROBLEM
"""

from __future__ import annotations

import enum
import uuid
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from query_gateway_client.answer import About
from query_gateway_client.errors import ClientError, ConnectionFailed, DeadlineExceeded, StreamCut
from query_gateway_client.feed import Feed, StreamDamaged
from query_gateway_client.kept import Entry, Kept, Writer
from query_gateway_client.problems import may_be_asked_again, problem_of
from query_gateway_client.question import Target
from query_gateway_client.retry import Attempts
from query_gateway_client.splits import Split

ARROW = "application/vnd.apache.arrow.stream"


class Next(enum.Enum):
    """What the head of an answer asks for."""

    BODY = "the body is read"
    KEPT = "the rows are on disk"
    PROBLEM = "the body says what is wrong"
    AGAIN = "the same is asked once more, at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to be sent. ``timeout`` is how many seconds of silence are too long; None is for ever."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout: float | None


@dataclass(slots=True, kw_only=True)
class Inquiry:
    """One request and its answer, a small document: what is sent, and what its failures mean."""

    target: Target
    attempts: Attempts
    base: str
    silence: float
    accept: str = "application/json"

    def request(self) -> Asked:
        """Return the request to be sent next. Raises DeadlineExceeded."""
        left, conditions = self.attempts.deadline.remaining(), self.conditions()
        headers = {"Accept": self.accept, "Accept-Encoding": "identity", "X-Request-Id": uuid.uuid4().hex}
        if self.target.body is not None:
            headers["Content-Type"] = "application/json"
        if left is not None:
            headers["Request-Timeout"] = f"{max(left, 0.001):.3f}"
        return Asked(
            method=self.target.method,
            url=self.base + self.target.path,
            headers={**headers, **conditions},
            body=self.target.body,
            timeout=self.silence if left is None else min(left, self.silence),
        )

    def conditions(self) -> Mapping[str, str]:
        """Return the header fields that say what the caller has."""
        return {}

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> float:
        """Take a problem; return the seconds to wait before the same is asked again, or raise it.

        Raises DeadlineExceeded where it is the caller's own limit of time that the gateway kept.
        """
        problem = problem_of(status, headers, body)
        if problem.code == "deadline-exceeded":
            try:
                self.attempts.deadline.remaining()
            except DeadlineExceeded as passed:
                raise passed from problem
        if not may_be_asked_again(problem):
            raise problem
        return self.attempts.pause(problem, problem.retry_after)

    def cut(self, error: Exception) -> float:
        """Take a failure of the connection; return the seconds to wait before it is tried again.

        Raises ConnectionFailed after the last try, DeadlineExceeded where no time is left.
        """
        failed = ConnectionFailed(f"{self.base} cannot be reached, or breaks off: {str(error) or type(error).__name__}")
        failed.__cause__ = error
        return self.attempts.pause(failed)


@dataclass(slots=True, kw_only=True)
class Transfer(Inquiry):
    """The rows of one answer: its state between its requests."""

    kept: Kept | None
    accept: str = ARROW
    feed: Feed = field(default_factory=Feed)
    about: About = field(default_factory=lambda: About(headers={}))
    schema: pa.Schema | None = None
    """The columns, None until they have come."""
    done: bool = False
    _entry: Entry | None = None
    _writer: Writer | None = None
    _skip: int = 0
    """Bytes that come once more and were received before."""

    def __post_init__(self) -> None:
        if self.kept is not None and self.target.method == "GET":
            self._entry = self.kept.find(self._name)

    @property
    def _name(self) -> str:
        return self.target.identity(self.base)

    def conditions(self) -> Mapping[str, str]:
        """Ask for what is missing, or whether what is kept is right."""
        if self.feed.received:
            return {"Range": f"bytes={self.feed.received}-", "If-Range": self.about.etag or ""}
        return {"If-None-Match": self._entry.etag} if self._entry is not None else {}

    def opened(self, status: int, headers: Mapping[str, str]) -> Next:
        """Take the head of an answer. Raises StreamCut where it does not continue what the caller has of it."""
        if status == 304 and self._entry is not None:
            return self._unchanged(headers)
        if status not in (200, 206):
            return Next.PROBLEM
        if headers.get("content-type", "").partition(";")[0].strip() != ARROW:
            return Next.PROBLEM
        if self.feed.received:
            self._continued(status, headers)
        else:
            self._began(headers)
        return Next.BODY

    def _unchanged(self, headers: Mapping[str, str]) -> Next:
        assert self._entry is not None
        assert self.kept is not None
        if not self._entry.whole():
            self.kept.drop(self._entry)
            self._entry = None
            return Next.AGAIN
        self.about = About(headers={**self._entry.headers, **headers}, reused=True)
        _warn_of_the_end(headers, self.target)
        return Next.KEPT

    def _began(self, headers: Mapping[str, str]) -> None:
        self.about = About(headers=dict(headers))
        _warn_of_the_end(headers, self.target)
        self.close()
        self._entry = None
        etag, length = headers.get("etag"), int(headers.get("content-length", "0"))
        if self.kept is not None and self.target.method == "GET" and etag and length <= self.kept.largest:
            said = {
                name: value for name, value in headers.items() if name.startswith(("gateway-", "content-loc", "link"))
            }
            self._writer = self.kept.begin(self._name, etag, said)

    def _continued(self, status: int, headers: Mapping[str, str]) -> None:
        """Go on where the last connection broke: by the part that is missing, or by the same bytes once more."""
        if headers.get("etag") != self.about.etag:
            raise self._lost("the answer is another one by now")
        if status == 200:
            self._skip = self.feed.received
        elif not headers.get("content-range", "").startswith(f"bytes {self.feed.received}-"):
            raise self._lost("another part came than was asked for")

    def received(self, piece: bytes) -> list[pa.RecordBatch]:
        """Take a piece of the body; return the batches that it completes."""
        self.attempts.deadline.remaining()
        if self._skip:
            skipped = min(self._skip, len(piece))
            self._skip -= skipped
            piece = piece[skipped:]
        if not piece:
            return []
        try:
            batches = self.feed.feed(piece)
        except StreamDamaged as error:
            raise self._lost(str(error)) from error
        self._seen(batches)
        self.schema = self.schema or self.feed.schema
        if self._writer is not None and not self._writer.write(piece):
            self._writer = None
        return batches

    def kept_batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches of what is on disk."""
        assert self._entry is not None
        for piece in self._entry.pieces():
            yield from self.received(piece)
        self.finished()

    def finished(self) -> float:
        """Take the end of the body; return the seconds to wait before what is missing is asked for.

        The framing of HTTP says where a body ends; where a proxy breaks it, the end mark of Arrow is missing.
        """
        if not self.feed.ended:
            return self.cut(ConnectionError("the body ended before the stream did"))
        if self.schema is None:
            raise self._lost("it has no columns")
        self.done = True
        if self._writer is not None:
            self._writer.commit()
            self._writer = None
        return 0.0

    def cut(self, error: Exception) -> float:
        """As of every inquiry; StreamCut where rows came, and what follows them cannot be asked for."""
        if self.feed.ended:
            return self.finished()
        strong = self.about.etag is not None and not self.about.etag.startswith("W/") and self.target.method == "GET"
        if self.feed.received and not strong:
            raise self._lost(f"the connection broke ({str(error) or type(error).__name__})") from error
        return Inquiry.cut(self, error)

    def _seen(self, batches: list[pa.RecordBatch]) -> None:
        """Count failures anew: what came need not come again."""
        self.attempts.progressed()

    def _lost(self, why: str) -> ClientError:
        return StreamCut(f"the stream cannot be continued: {why}", rows=self.feed.rows)

    def close(self) -> None:
        """Let go of files, whether or not the transfer has ended. Idempotent."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
        if self._entry is not None:
            self._entry.close()


@dataclass(slots=True, kw_only=True)
class SplitTransfer(Transfer):
    """The rows of one split, from ``row`` on: after a cut, from the first row that the caller does not have."""

    split: Split
    row: int = 0

    @classmethod
    def of(
        cls, split: Split, row: int, *, attempts: Attempts, base: str, silence: float, kept: Kept | None
    ) -> SplitTransfer:
        target = split.target(row)
        return cls(split=split, row=row, target=target, attempts=attempts, base=base, silence=silence, kept=kept)

    def conditions(self) -> Mapping[str, str]:
        """Forget what came of a message that was cut, and ask whether what is kept is right."""
        self._go_on()
        return {"If-None-Match": self._entry.etag} if self._entry is not None else {}

    def cut(self, error: Exception) -> float:
        """As of every inquiry: the rows that are missing are asked for."""
        if self.feed.ended:
            return self.finished()
        self._go_on()
        return Inquiry.cut(self, error)

    def _go_on(self) -> None:
        """Have the next request ask for what is missing; a split that came in two parts is not kept."""
        if not self.feed.received:
            return
        self.row += self.feed.rows
        self.feed = Feed()
        self.target = self.split.target(self.row)
        self.close()
        self.kept = self._entry = None

    def _seen(self, batches: list[pa.RecordBatch]) -> None:
        if batches:
            self.attempts.progressed()
        if self.schema is not None and self.feed.schema is not None and self.schema != self.feed.schema:
            raise self._lost("its columns are others by now")


def _warn_of_the_end(headers: Mapping[str, str], target: Target) -> None:
    if "deprecation" in headers:
        until = f", and ends on {headers['sunset']}" if "sunset" in headers else ""
        warnings.warn(f"{target.path.partition('/result')[0]} is deprecated{until}", FutureWarning, stacklevel=2)
