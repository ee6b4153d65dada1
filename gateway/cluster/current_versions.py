"""The versions that data files have in their stores now, to compare what another engine has read."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from obstore.exceptions import NotFoundError

from gateway.catalog.store import S3Settings, Store, open_store, storage_errors
from gateway.engine.versions import changed_in_folders, in_buckets, opaque
from gateway.model import FileVersion
from gateway.telemetry.events import Observer

_AT_ONCE = 32
"""Requests to a bucket at the same time."""


class CurrentVersions:
    """Asks the stores for the versions of files."""

    def __init__(self, s3: S3Settings, project: Path, observe: Observer) -> None:
        self._s3, self._project, self._observe = s3, project, observe
        self._stores: dict[str, Store] = {}

    def changed(self, files: Sequence[FileVersion]) -> list[FileVersion]:
        """List those that are gone, or of another version. Raises ``StorageFailed``."""
        found = changed_in_folders(files)
        remote = in_buckets(files)
        if found or not remote:
            return found
        with ThreadPoolExecutor(min(_AT_ONCE, len(remote)), thread_name_prefix="versions") as pool:
            kept = pool.map(self._is_current, remote)
            return [file for file, current in zip(remote, kept, strict=True) if not current]

    def _is_current(self, file: FileVersion) -> bool:
        bucket, _, key = file.path.removeprefix("s3://").partition("/")
        store = self._store(bucket)
        with storage_errors(f"s3://{bucket}"):
            try:
                told = store.patiently(lambda: store.objects.head(key))
            except NotFoundError:
                return False
        return told["size"] == file.size and opaque(told["e_tag"] or "") == opaque(file.etag)

    def _store(self, bucket: str) -> Store:
        found = self._stores.get(bucket)
        if found is None:
            found = self._stores[bucket] = open_store(f"s3://{bucket}", self._s3, self._project, observe=self._observe)
        return found
