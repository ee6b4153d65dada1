"""Every error that the client raises on purpose.

ClientError
├── GatewayProblem        the gateway refused or failed, and said why
│   ├── NotAllowed        401, 403: who asks is not known, or may not
│   ├── NotFound          404: no such query or version
│   ├── Gone              410: a version, cursor or snapshot that is no longer there
│   ├── InvalidParameters 422 `invalid-parameters`: `errors` names each of them
│   └── Busy              429, 503: asked again later it may answer
├── ConnectionFailed      no answer came, after all tries
├── DeadlineExceeded      the time that the caller gave has passed
├── StreamCut             a stream ended in the middle and cannot be taken up where it was
├── QuestionInvalid       a name or a value that cannot be sent
└── MissingLibrary        a library that is asked for is not installed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ClientError(Exception):
    """What the client raises on purpose."""


class GatewayProblem(ClientError):
    """A problem document (RFC 9457) of the gateway, or an answer of a proxy before it that is no document.

    ``code`` is the last part of its type (``invalid-parameters``), None where it is not the gateway's; ``errors`` are
    pairs of parameter and what is wrong with it; ``members`` is the whole document.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str | None,
        title: str,
        detail: str | None = None,
        errors: Sequence[tuple[str, str]] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.request_id = request_id
        self.retry_after = retry_after
        self.members = dict(members or {})
        super().__init__(self._text())

    def _text(self) -> str:
        named = f"{self.status} {self.code}" if self.code is not None else str(self.status)
        first = f"{self.title} ({named})" + (f": {self.detail}" if self.detail else "")
        lines = [first, *(f"  {parameter}: {detail}" for parameter, detail in self.errors)]
        if self.request_id is not None:
            lines.append(f"  request id: {self.request_id}")
        return "\n".join(lines)


class NotAllowed(GatewayProblem):
    """Who asks is not known to the gateway, or may not ask this."""


class NotFound(GatewayProblem):
    """There is no such query, version or address, or the caller may not see it."""


class Gone(GatewayProblem):
    """What is named was there and is no longer: a retired version, the result behind a cursor, a snapshot."""


class InvalidParameters(GatewayProblem):
    """Parameters are unknown, missing or out of bounds; ``errors`` names each."""


class Busy(GatewayProblem):
    """Too much is asked of the gateway now; ``retry_after`` says in how many seconds to ask again."""


class ConnectionFailed(ClientError, ConnectionError):
    """No whole answer came, however often it was tried."""


class DeadlineExceeded(ClientError, TimeoutError):
    """The time that the caller gave has passed; the cause is what went wrong last, if anything did."""


class StreamCut(ClientError, ConnectionError):
    """A stream was cut, and the same bytes cannot be had again. ``rows`` is how many rows the caller has of it."""

    def __init__(self, message: str, *, rows: int) -> None:
        super().__init__(message)
        self.rows = rows


class QuestionInvalid(ClientError, ValueError):
    """A name of a query, a parameter or an option cannot be sent."""


class MissingLibrary(ClientError, ImportError):
    """A library that is not one of the client's own is asked for and not installed."""
