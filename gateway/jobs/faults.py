"""What went wrong last with the jobs of a kind, in a file for all workers of a machine: ``/readyz`` tells of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

_UNREACHABLE = "unreachable"


class Faults:
    """The file at *path*. The process that does the jobs writes it; where it cannot be written nothing is told."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Mapping[str, Any]:
        """Return ``resources``, the fault of each whose last job failed, and ``unreachable``, why records are not."""
        with suppress(OSError, orjson.JSONDecodeError):
            found: Mapping[str, Any] = orjson.loads(self._path.read_bytes())
            return found
        return {}

    def note(self, resource: str, fault: Mapping[str, Any] | None) -> None:
        """Note the fault of the last job of a resource; None: it is done."""
        known = dict(self.read())
        others = {name: each for name, each in known.get("resources", {}).items() if name != resource}
        self._write(known | {"resources": others if fault is None else others | {resource: dict(fault)}})

    def unreachable(self, reason: str | None) -> None:
        """Note why the records of jobs cannot be read or written; None: they can."""
        known = dict(self.read())
        if known.get(_UNREACHABLE) != reason:
            self._write(known | {_UNREACHABLE: reason})

    def _write(self, document: Mapping[str, Any]) -> None:
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with suppress(OSError):
            draft.write_bytes(orjson.dumps(document))
            draft.replace(self._path)
