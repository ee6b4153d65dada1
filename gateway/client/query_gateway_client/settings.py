"""What a client is told once: the gateway, the key, and how long, how often and where to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from query_gateway_client.errors import QuestionInvalid
from query_gateway_client.kept import Kept
from query_gateway_client.question import Question, Target
from query_gateway_client.retry import Attempts, Deadline, Retry
from query_gateway_client.splits import Split
from query_gateway_client.transfer import Asked, Inquiry, SplitTransfer, Transfer

Key = str | Callable[[], str]
"""A key or token, or what returns one that is valid now."""
Folder = Path | str | None | Literal[False]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a client is made of but its connections, so that a worker process can be handed it."""

    base: str
    key: Key | None = field(repr=False)
    retry: Retry
    deadline: float | None
    silence: float
    connections: int
    kept: Kept | None

    def inquiry(self, target: Target, deadline: float | None) -> Inquiry:
        return Inquiry(target=target, attempts=self.attempts(deadline), base=self.base, silence=self.silence)

    def transfer(self, question: Question, attempts: Attempts) -> Transfer:
        return Transfer(
            target=question.target("result.arrow"),
            attempts=attempts,
            base=self.base,
            silence=self.silence,
            kept=self.kept,
        )

    def split(self, split: Split, row: int, attempts: Attempts, *, keep: bool) -> SplitTransfer:
        kept = self.kept if keep else None
        return SplitTransfer.of(split, row, attempts=attempts, base=self.base, silence=self.silence, kept=kept)

    def attempts(self, deadline: float | None) -> Attempts:
        return Attempts(retry=self.retry, deadline=Deadline.after(deadline))

    def headers(self, asked: Asked) -> dict[str, str]:
        """Return the header fields of a request, with the key."""
        if self.key is None:
            return dict(asked.headers)
        key = self.key if isinstance(self.key, str) else self.key()
        return {**asked.headers, "Authorization": f"Bearer {key}"}


def settings(
    url: str,
    *,
    key: Key | None,
    retry: Retry | None,
    deadline: float | None,
    silence: float,
    connections: int,
    cache: Folder,
    cache_bytes: int,
) -> Settings:
    """Check what a client is given. Raises QuestionInvalid where the address is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise QuestionInvalid(f"{url!r} is no address of a gateway: write it as https://gateway.example")
    if parts.username or parts.password:
        raise QuestionInvalid("a key does not stand in the address: give it as key=…")
    folder = Path(cache) if isinstance(cache, str) else (cache or None)
    return Settings(
        base=url.rstrip("/"),
        key=key,
        retry=retry or Retry(),
        deadline=deadline,
        silence=silence,
        connections=connections,
        kept=None if cache is False else Kept.opened(folder, cache_bytes),
    )
