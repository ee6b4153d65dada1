"""Small JSON documents in an object store: written whole, and created by one writer where several try."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from math import inf
from typing import Any, Literal, TypeVar, cast

import obstore
import orjson
from obstore.exceptions import AlreadyExistsError, NotFoundError, PreconditionError

from gateway.catalog.store import Store, storage_errors

_ABSENT = (NotFoundError, FileNotFoundError)
Done = TypeVar("Done")


class Documents:
    """Reads and writes documents at the location of *store*. Raises ``StorageFailed``.

    The store has to know conditional writes (``If-None-Match: *``), as AWS, Google, Azure and folders do.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(
        self, path: str, document: Mapping[str, Any], *, mode: Literal["create", "overwrite"] = "create"
    ) -> bool:
        """Write a document that is not there yet; return False where it is, unless it is to be overwritten."""
        with storage_errors(self.store.location):
            try:
                obstore.put(self.store.objects, path, orjson.dumps(document), mode=mode)
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def get(self, path: str, *, since: float = -inf) -> bytes | None:
        """Read a document; None where there is none that was written *since* then, in seconds since the epoch."""

        def read() -> bytes | None:
            found = obstore.get(self.store.objects, path)
            return bytes(found.bytes()) if found.meta["last_modified"].timestamp() >= since else None

        return self.unless_absent(read)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove documents, in this order; those that are not there are none the less."""
        for path in paths:
            self.unless_absent(partial(obstore.delete, self.store.objects, path))

    def listed(self, folder: str) -> list[tuple[str, datetime]]:
        """List the documents below a folder, each with when it was written."""
        return [(str(each["path"]), each["last_modified"]) for each in self.found(folder)]

    def found(self, folder: str) -> list[Mapping[str, Any]]:
        """List what is below a folder, as obstore tells it."""

        def listed() -> list[Mapping[str, Any]]:
            return [cast(Mapping[str, Any], each) for page in obstore.list(self.store.objects, folder) for each in page]

        with storage_errors(self.store.location):
            return self.store.patiently(listed)

    def unless_absent(self, work: Callable[[], Done]) -> Done | None:
        """Do *work*, with patience; None where what it is about is not there."""
        with storage_errors(self.store.location):
            try:
                return self.store.patiently(work)
            except _ABSENT:
                return None
