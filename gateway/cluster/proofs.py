"""Which texts were compared with DuckDB before another engine may run them: a file of the project, for review."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

import orjson

from gateway.model import BoundQuery

FILE: Final = "engines/spark.json"
"""Below the project's folder."""


class Proofs:
    """What is recorded of a project; it is read again when it changes. Thread-safe."""

    def __init__(self, project: Path) -> None:
        self._path = project / FILE
        self._lock = Lock()
        self._stamp: tuple[int, int] | None = None
        self._known: Mapping[str, str] = {}

    def has(self, query: BoundQuery, digest: str) -> bool:
        """Tell whether a text of this digest was compared."""
        return self._read().get(f"{query.name}/v{query.version}") == digest

    def add(self, found: Mapping[str, str | None]) -> bool:
        """Record the digests of texts by their query and version, None for one that is not equal; tell of a change."""
        known = dict(self._read())
        now = {name: digest for name, digest in {**known, **found}.items() if digest is not None}
        if now == known:
            return False
        self._path.parent.mkdir(exist_ok=True)
        document = {"compared": dict(sorted(now.items()))}
        self._path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return True

    def _read(self) -> Mapping[str, str]:
        with self._lock:
            try:
                found = self._path.stat()
                stamp = (found.st_mtime_ns, found.st_size)
                if stamp != self._stamp:
                    self._known, self._stamp = _compared(orjson.loads(self._path.read_bytes())), stamp
            except (OSError, orjson.JSONDecodeError):
                self._known, self._stamp = {}, None
            return self._known


def _compared(document: Any) -> Mapping[str, str]:
    compared = document.get("compared") if isinstance(document, dict) else None
    return {str(name): str(digest) for name, digest in compared.items()} if isinstance(compared, dict) else {}
