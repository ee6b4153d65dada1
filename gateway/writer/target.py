"""The location of a table, for writing: finds its columns and publishes new files, locally or in an object store."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.exceptions import BaseError

from gateway.catalog.layout import LevelReader, arrange, data_files
from gateway.catalog.listing import list_files
from gateway.catalog.location import local_folder
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.store import S3Settings, Store, open_store, storage_errors
from gateway.catalog.table import Table
from gateway.errors import StorageFailed
from gateway.writer import staging
from gateway.writer.base import Options, StagedFile
from gateway.writer.partitions import Texts

Stale = Callable[[pa.Table], Sequence[str]]
"""Picks, from a listing of a table, the files that new ones replace."""
FOOTER = 64 * 1024
"""Bytes at the end of a file that are read first; most footers are smaller."""
UPLOADS = 16
"""Files that are uploaded at the same time."""


class Target:
    """The location of one table, open for writing."""

    def __init__(self, table: Table, s3: S3Settings, root: Path, options: Options) -> None:
        """Open the location; a local folder is made if it is not there. Raises ``StorageFailed``."""
        folder = local_folder(table.location, root)
        with storage_errors(table.location):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files = table.files
        self.store: Store = open_store(table.location, s3, root)
        self._base = folder if folder is not None else _scratch(options)

    @contextmanager
    def staged(self, identity: str) -> Iterator[Path]:
        """Make a folder for files that are not to be seen yet."""
        with staging.open_staging(self._base, identity) as folder:
            yield folder

    def columns(self) -> pa.Schema | None:
        """Read the columns of some file of the table; None while it has none. Raises ``StorageFailed``."""
        with storage_errors(self.store.location):
            for batch in obstore.list(self.store.objects, return_arrow=True):
                found, _ = data_files(pa.table(pa.record_batch(batch)), self._files)
                if found.num_rows:
                    first = found.slice(0, 1).to_pylist()[0]
                    return pq.read_schema(pa.BufferReader(self._footer(first["path"], first["size"])))
        return None

    def _footer(self, path: str, size: int) -> bytes:
        """Read the end of a Parquet file with all of its footer: the metadata, their length in 4 bytes, ``PAR1``."""
        start = max(0, size - FOOTER)
        tail = bytes(obstore.get_range(self.store.objects, path, start=start, end=size))
        needed = int.from_bytes(tail[-8:-4], "little") + 8
        if needed <= len(tail):
            return tail
        return bytes(obstore.get_range(self.store.objects, path, start=max(0, size - needed), end=size))

    def publish(
        self,
        folder: Path,
        files: Sequence[StagedFile],
        stale: Stale | None,
        published: Callable[[], None],
    ) -> int:
        """Make staged files visible, then remove those that *stale* picks of what was there before (None: no file).

        Returns how many were removed. Raises ``StorageFailed``.
        """
        if self._folder is None:
            with storage_errors(self.store.location):
                removed = self._removed(stale)
                self._upload(files, published)
                self._delete(removed)
            return len(removed)
        with staging.locked(self._folder):
            staging.sweep(self._folder)
            removed = self._removed(stale)
            staging.publish(folder, self._folder, files, removed, published)
        return len(removed)

    def _removed(self, stale: Stale | None) -> Sequence[str]:
        if stale is None:
            return ()
        found, _ = data_files(list_files(self.store), self._files)
        return stale(found)

    def _upload(self, files: Sequence[StagedFile], published: Callable[[], None]) -> None:
        """Upload side by side; an object is visible once it is complete. After a failure, take back what is there."""
        begun: list[str] = []
        try:
            with ThreadPoolExecutor(max_workers=UPLOADS, thread_name_prefix="upload") as pool:
                futures = [pool.submit(self._put, file, begun) for file in files]
                try:
                    for future in as_completed(futures):
                        future.result()
                        published()
                finally:
                    for future in futures:
                        future.cancel()
        except BaseException:
            self._take_back(begun)
            raise

    def _take_back(self, paths: Sequence[str]) -> None:
        try:
            self._delete(paths)
        except BaseError:
            raise StorageFailed(
                f"{self.store.location}: the upload failed, and some of its files could not be removed again; "
                f"they are called like {paths[0]}."
            ) from None

    def _put(self, file: StagedFile, begun: list[str]) -> None:
        begun.append(file.path)
        obstore.put(self.store.objects, file.path, file.staged)

    def _delete(self, paths: Sequence[str]) -> None:
        if paths:
            obstore.delete(self.store.objects, list(paths))


def _scratch(options: Options) -> Path:
    """Make the folder where files wait for their upload; it is nobody else's. Raises ``StorageFailed``."""
    folder = (options.scratch or Path(gettempdir())) / f"query-gateway-write-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise StorageFailed(f"{folder} belongs to another user: set TMPDIR to a folder of your own.")
    return folder


def files_of(
    listing: pa.Table, fields: Sequence[PartitionField], types: Mapping[str, str], partitions: Collection[Texts]
) -> list[str]:
    """Pick the files in one of *partitions*, whatever text their folders have for the values (``06`` and ``6``)."""
    levels = [LevelReader(field.column, field.function, types[field.source.lower()]) for field in fields]
    paths = listing["path"].combine_chunks()
    layout = arrange(paths, levels)
    texts = [level.canonical(column) for level, column in zip(levels, layout.texts, strict=True)]
    bounds = [*layout.starts.tolist(), len(paths)]
    wanted: list[str] = []
    for number, known in enumerate(layout.known.tolist()):
        if known and tuple(column[number] for column in texts) in partitions:
            rows = layout.order[bounds[number] : bounds[number + 1]]
            wanted.extend(str(path) for path in paths.take(rows).to_pylist())
    return wanted
