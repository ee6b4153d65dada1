"""API keys: ``qg_<id>_<secret>``. The file holds digests only; a key is shown once, when it is made.

A secret is 256 random bits, so its digest is a plain SHA-256: key stretching (bcrypt, argon2) protects secrets that can
be guessed, and 256 random bits cannot. A check costs microseconds, not a tenth of a second.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from gateway.access.grants import AUTHENTICATED, EVERYBODY, GROUP
from gateway.access.reloading_file import FileUnreadable
from gateway.errors import AccessInvalid, Diagnostic
from gateway.model import Principal

PREFIX = "qg_"
_LARGEST = 256
"""Characters of the longest text that is taken for a key at all."""
_NO_DIGEST = "0" * 64


def valid_name(text: str) -> str:
    """Return *text* if it is a valid name: printable, not empty, and no reserved word of ``access.yaml``.

    Raises ``ValueError``.
    """
    if not 0 < len(text) <= 255 or not text.isprintable() or text.strip() != text:
        raise ValueError("a name has 1 to 255 printable characters, and no space around them")
    if text in (Principal().name, EVERYBODY, AUTHENTICATED) or text.startswith(GROUP):
        raise ValueError(f"{text!r} has a meaning of its own in access.yaml: choose another name")
    return text


Name = Annotated[str, AfterValidator(valid_name)]


class Key(BaseModel):
    """A key as it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(pattern="^[a-z2-7]{10}$")
    name: Name
    groups: tuple[Name, ...] = ()
    digest: str = Field(pattern="^[0-9a-f]{64}$")
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None

    def state(self, now: datetime) -> str:
        """Return the state of the key at an instant: ``valid``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"

    @property
    def principal(self) -> Principal:
        """Return the principal of this key."""
        return Principal(name=self.name, groups=frozenset(self.groups), credential=f"{PREFIX}{self.id}")


class _KeyFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one version of the file, by id."""

    by_id: dict[str, Key]

    def check(self, text: str, now: datetime) -> Principal | str:
        """Return the key's principal, or why *text* is refused: ``unknown-key``, ``expired-key``, ``revoked-key``."""
        parts = text.split("_", 2) if len(text) <= _LARGEST else []
        identifier, secret = (parts[1], parts[2]) if len(parts) == 3 else ("", "")
        key = self.by_id.get(identifier)
        # Compared in constant time, and also where there is no such key, so that time tells nothing of either.
        right = compare_digest(_digest(secret), _NO_DIGEST if key is None else key.digest)
        if key is None or not right:
            return "unknown-key"
        state = key.state(now)
        return key.principal if state == "valid" else f"{state}-key"


NO_KEYS = Keys({})


def read_keys(text: str) -> Keys:
    """Read the file of keys. Raises ``FileUnreadable``."""
    try:
        found = _KeyFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise FileUnreadable(f"{place}: {first['msg']}" if place else str(first["msg"])) from error
    return Keys({key.id: key for key in found.keys})


class KeyFile:
    """The key file, for changes by an operator. Writers exclude each other; readers see the old file or the new one."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self._clock = path, clock

    def keys(self) -> tuple[Key, ...]:
        """Return all keys, the oldest first. Raises ``AccessInvalid``."""
        return tuple(self._read().values())

    def add(self, name: str, *, groups: tuple[str, ...] = (), lifetime: float | None = None) -> str:
        """Create a key, valid for *lifetime* seconds (None: until revoked), and return its text, which is not stored.

        Raises ``ValueError`` for a name that cannot be one.
        """
        now = self._clock()
        expires = None if lifetime is None else datetime.fromtimestamp(now.timestamp() + lifetime, UTC)
        identifier, secret = _random(6), _random(32)
        for each in (name, *groups):
            valid_name(each)
        key = Key(id=identifier, name=name, groups=groups, digest=_digest(secret), created=now, expires=expires)
        with self._changing() as keys:
            keys[identifier] = key
        return f"{PREFIX}{identifier}_{secret}"

    def revoke(self, identifier: str) -> Key | None:
        """Revoke a key by its id or its text; return None where there is none."""
        identifier = identifier.removeprefix(PREFIX).partition("_")[0]
        with self._changing() as keys:
            if identifier not in keys:
                return None
            if keys[identifier].revoked is None:
                keys[identifier] = keys[identifier].model_copy(update={"revoked": self._clock()})
            return keys[identifier]

    def _read(self) -> dict[str, Key]:
        try:
            return read_keys(self._path.read_text(encoding="utf-8")).by_id if self._path.exists() else {}
        except (OSError, UnicodeDecodeError, FileUnreadable) as error:
            raise AccessInvalid([Diagnostic(path=str(self._path), message=f"cannot be read: {error}")]) from error

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        """Hold the file exclusively, and write it back unless an error is raised."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = self._read()
            before = dict(keys)
            yield keys
            if keys != before:
                self._write(keys)
        finally:
            os.close(lock)

    def _write(self, keys: dict[str, Key]) -> None:
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}.draft")
        text = _KeyFile(keys=tuple(keys.values())).model_dump_json(indent=1, exclude_none=True) + "\n"
        try:
            descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            self._keep_owner(draft)
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)

    def _keep_owner(self, draft: Path) -> None:
        """Keep the owner of the file: root may change a file that the server reads as another user."""
        if self._path.exists() and os.geteuid() == 0:
            before = self._path.stat()
            os.chown(draft, before.st_uid, before.st_gid)


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


def _random(size: int) -> str:
    """Encode *size* random bytes in letters and digits only, so that a double click selects a whole key."""
    return base64.b32encode(secrets.token_bytes(size)).decode().rstrip("=").lower()
