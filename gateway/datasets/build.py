"""Builds a version of a dataset: of the parts that it has already, and of those whose sources changed since.

The keys of a dataset are those of the version before, and those that a search finds beside them: it asks the query for
the rows that lie below none of the keys. Each key is a question of its own, planned over the pinned files of the
sources; its identity digests the question and these files, as that of any answer does. So the parts of the version
before whose identity is the same are taken over by reference, and so are those that a build finished which did not
come to its end. The others are computed, those that read the same files in one run.

A version is published last, under the next number; who finds that number taken begins again, over the sources as they
are then. So whatever ends a build, and however many run at once, a version is whole, and none is older than the one
before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from gateway.catalog.build_rule import BUILDER
from gateway.catalog.store import Store
from gateway.catalog.table import Table
from gateway.catalog.versions import BuiltFile, BuiltPartition, DatasetVersion, Key, Versions
from gateway.concurrency.cancellation import Cancellation
from gateway.concurrency.leader import Leadership
from gateway.counted import counted
from gateway.datasets.compute import Computer, SourcesChanged, in_groups, partition_of, with_time
from gateway.datasets.levels import by_key
from gateway.datasets.question import Restricted, ask, builder_of, invalid
from gateway.datasets.retention import retire
from gateway.errors import FilesChanged, Forbidden, MalformedRequest, StorageFailed, TableNotFound
from gateway.model import Principal
from gateway.pipeline import Gateway
from gateway.suggestions import did_you_mean
from gateway.writer.write import new_identity

KIND = "build"
"""Of the jobs that are builds."""
ATTEMPTS = 8
"""Times that a build is begun again because its sources, or the dataset, changed under it."""
_POLL = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProgress:
    """How many partitions of a build are there, of how many that are known by now, and the rows of those there."""

    done: int
    total: int
    unchanged: int
    """Of those there, how many are as they were in the version before."""
    rows: int

    @property
    def built(self) -> int:
        """Of those there, how many were computed, by this build or one that did not come to its end."""
        return self.done - self.unchanged


OnProgress = Callable[[BuildProgress], None]


def silent(_: BuildProgress) -> None:
    """Ignore progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What came of a build: the newest version, and how its partitions came to be in it."""

    version: DatasetVersion
    published: bool
    """False: nothing had changed, and the version is the one before."""
    unchanged: int
    built: int
    resumed: int
    """Of those built, how many a build had finished that did not come to its end."""
    lost: int
    """Of those built, how many were there before and had lost files."""
    removed: int
    """Partitions of the version before that have no rows any more."""
    inputs: Mapping[str, str]
    """The snapshot of each table that was read."""
    seconds: float

    def __str__(self) -> str:
        """Write it for people.

        365 partitions: 362 unchanged, 3 built
        """
        count = len(self.version.partitions)
        text = f"{counted(count, 'partition')}: {self.unchanged:,} unchanged, {self.built:,} built"
        text += f" ({self.resumed:,} of them by a build before)" if self.resumed else ""
        text += f" ({self.lost:,} of them again, as files were lost)" if self.lost else ""
        return text + (f", {self.removed:,} removed" if self.removed else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds the datasets of a project. ``clock`` tells seconds since the epoch."""

    gateway: Gateway
    open_store: Callable[[Table], Store]
    """Open the location of a dataset; a folder that is not there is made."""
    place: Callable[[Table], str]
    """Identify the location of a table; see ``gateway.catalog.store.place_of``."""
    locks: Path
    """The folder of the locks of this machine."""
    memory: int
    """For sorting rows, in bytes; the rest goes to disk."""
    may_ask: Callable[[Principal, str], bool]
    """Tell whether a principal is granted a query."""
    timeout: float = 24 * 3600.0
    """Seconds that one run of a query may take."""
    clock: Callable[[], float] = time.time

    def build(self, name: str, *, on_progress: OnProgress = silent, cancellation: Cancellation | None = None) -> Built:
        """Build a dataset, and return its newest version. Raises ``GatewayError``."""
        table, cancellation = self.dataset(name), cancellation or Cancellation()
        started = self.clock()
        versions = Versions(self.open_store(table))
        computer = Computer(
            runner=with_time(self.gateway.runner, self.timeout),
            store=versions.store,
            cancellation=cancellation,
            memory=self.memory,
        )
        with self._alone(name, cancellation):
            reason = ""
            for _ in range(ATTEMPTS):
                attempt = _Attempt(self, table, versions, computer, on_progress)
                try:
                    built = attempt.run()
                except SourcesChanged:
                    continue
                except FilesChanged as error:
                    reason = f" {error.detail}"
                    continue
                if built is not None:
                    retire(versions, table.keep, now=self.clock())
                    return replace(built, seconds=self.clock() - started)
        message = f"{name}: its sources, or its versions, changed again and again while it was built."
        raise StorageFailed(message + reason)

    def dataset(self, name: str) -> Table:
        """Return the declaration of a dataset. Raises ``TableNotFound``, ``MalformedRequest``."""
        tables = self.gateway.catalog.tables
        if name not in tables:
            raise no_dataset(name, [each for each, table in tables.items() if table.query is not None])
        if tables[name].query is None:
            raise MalformedRequest(f"{name} is a table that others write: a dataset has a query in its declaration.")
        refuse_pinned(tables[name])
        self._refuse_shared_location(tables[name])
        self._refuse_principal(tables[name])
        return tables[name]

    def _refuse_principal(self, table: Table) -> None:
        """Refuse a build on behalf of a declared principal who is not granted the query. Raises ``Forbidden``."""
        query, principal = (table.query or "").partition("/")[0], builder_of(table)
        if principal.name != BUILDER and not self.may_ask(principal, query):
            message = f"{table.name} is built on behalf of {principal.name}, who is not granted the query {query}"
            raise Forbidden(f"{message}: grant it in access.yaml, or declare another build.principal.")

    def _refuse_shared_location(self, table: Table) -> None:
        """Refuse to write where another table would read the files, or writes its own. Raises ``TableInvalid``."""
        place = self.place(table)
        for other in self.gateway.catalog.tables.values():
            theirs = self.place(other)
            reads_a_version = other.version is not None and theirs == place
            if (
                other.name != table.name
                and not reads_a_version
                and (place.startswith(theirs) or theirs.startswith(place))
            ):
                message = f"the location is that of the table {other.name}, or one of the two lies in the other"
                raise invalid(table, message, "give the dataset a folder of its own")

    @contextmanager
    def _alone(self, name: str, cancellation: Cancellation) -> Iterator[None]:
        """Wait until no other process of this machine builds the dataset."""
        lock = Leadership(self.locks / f"{name}.lock")
        while not lock.take():
            cancellation.check()
            time.sleep(_POLL)
        try:
            yield
        finally:
            lock.release()


def refuse_pinned(table: Table) -> None:
    """Raise ``MalformedRequest`` where a dataset is one version of another one."""
    if table.version is not None:
        raise MalformedRequest(f"{table.name} reads the version {table.version}: build the dataset that declares none.")


def no_dataset(name: str, datasets: Collection[str]) -> TableNotFound:
    """Make the error for a name that none of *datasets* has."""
    hint = did_you_mean(name, datasets) or f"there are: {', '.join(sorted(datasets)) or 'none'}"
    return TableNotFound(f"There is no dataset {name!r}: {hint}.")


class _Attempt:
    """One attempt to build a version, over the sources as they are at its beginning."""

    def __init__(
        self, builder: Builder, table: Table, versions: Versions, computer: Computer, on_progress: OnProgress
    ) -> None:
        self._table, self._versions, self._computer = table, versions, computer
        self._clock, self._on_progress = builder.clock, on_progress
        self._began = self._clock()
        self._last = versions.newest()  # before the sources: a version that follows it has seen them later
        self._question = ask(builder.gateway, table, now=self._began)
        self._present = versions.present()
        self._lost: set[str] = set()
        self._resumed = 0

    def run(self) -> Built | None:
        """Return what was built; None where another version was published meanwhile, or it took too long."""
        parts: dict[Key, BuiltPartition] = {}
        keys = self._keys()
        while missing := [key for key in keys if key not in parts]:
            found, elsewhere = self._parts(missing, parts)
            parts |= found
            keys = list({**dict.fromkeys(keys), **dict.fromkeys(elsewhere)})
        whole = {key: part for key, part in parts.items() if part.files or not self._question.levels}
        return self._publish([whole[key] for key in by_key(whole)])

    def _keys(self) -> list[Key]:
        """Return the keys of the version before, and those that there are beside them."""
        question, last = self._question, self._last
        if not question.levels:
            return [()]
        columns = tuple(level.field.column for level in question.levels)
        known = [part.key for part in last.partitions] if last is not None and last.levels == columns else []
        search = question.outside(known)
        if last is not None and last.rest == search.identity:
            return known
        found = self._versions.keys(search.identity, since=self._oldest)
        if found is None:
            found = self._computer.keys(question, search)
            self._versions.finish_keys(search.identity, found)
        return list(dict.fromkeys([*known, *found]))

    @property
    def _oldest(self) -> float:
        """When an answer must have been finished that no version names, so that it is not removed meanwhile."""
        return self._began - self._table.keep.replaced / 2

    def _parts(
        self, keys: Sequence[Key], others: dict[Key, BuiltPartition]
    ) -> tuple[dict[Key, BuiltPartition], set[Key]]:
        """Return the parts of keys, and further keys of which rows were found."""
        before = {} if self._last is None else {part.identity: part for part in self._last.partitions}
        parts: dict[Key, BuiltPartition] = {}
        missing: list[Restricted] = []
        for key in keys:
            planned = self._question.within([key])
            part = self._whole(before.get(planned.identity)) or self._finished(planned)
            if part is None:
                missing.append(planned)
            else:
                parts[key] = part
        elsewhere: set[Key] = set()
        total = len(others) + len(keys)
        self._tell(others | parts, total)
        for group in in_groups(missing):
            wanted = [key for each in group for key in each.keys]
            computed = self._computer.rows(self._question, self._question.within(wanted))
            for each, key in zip(group, wanted, strict=True):
                parts[key] = partition_of(each, key, computed)
                self._versions.finish(parts[key], again=each.identity in self._lost)
            elsewhere |= computed.elsewhere
            self._tell(others | parts, total)
        return parts, elsewhere

    def _tell(self, parts: Mapping[Key, BuiltPartition], total: int) -> None:
        before = set() if self._last is None else {part.identity for part in self._last.partitions}
        unchanged = sum(part.identity in before and part.identity not in self._lost for part in parts.values())
        rows = sum(part.rows for part in parts.values())
        self._on_progress(BuildProgress(done=len(parts), total=total, unchanged=unchanged, rows=rows))

    def _finished(self, planned: Restricted) -> BuiltPartition | None:
        """Return a part that a build finished which did not come to its end."""
        found = self._whole(self._versions.partition(planned.identity, since=self._oldest))
        self._resumed += found is not None and bool(found.files)
        return found

    def _whole(self, part: BuiltPartition | None) -> BuiltPartition | None:
        """Return a part whose files are there as they were written; one that lost some is noted."""
        if part is None or all(self._has(file) for file in part.files):
            return part
        self._lost.add(part.identity)
        return None

    def _has(self, file: BuiltFile) -> bool:
        # What was written since the listing, or has another ETag in listings, is looked at.
        return self._present.get(file.path) == (file.size, file.etag) or self._versions.has(file)

    def _publish(self, parts: Sequence[BuiltPartition]) -> Built | None:
        question, last, table = self._question, self._last, self._table
        before = {} if last is None else {part.identity: part for part in last.partitions}
        number = 1 if last is None else last.version + 1
        kept = {
            part.identity: before[part.identity].since
            for part in parts
            if part.identity in before and part.files == before[part.identity].files
        }
        parts = [replace(part, since=kept.get(part.identity, number)) for part in parts]
        built = Built(
            version=DatasetVersion(
                dataset=table.name,
                version=number,
                created_at=self._clock(),
                build=new_identity(),
                query=table.query or "",
                parameters=question.parameters,
                sql=question.bound.sql,
                inputs=question.inputs,
                columns=question.columns,
                levels=tuple(level.field.column for level in question.levels),
                rest=question.outside([part.key for part in parts]).identity if question.levels else "",
                partitions=tuple(parts),
                digest=_digest(parts),
            ),
            published=True,
            unchanged=len(kept),
            built=len(parts) - len(kept),
            resumed=self._resumed,
            lost=len(self._lost & {part.identity for part in parts}),
            removed=0 if last is None else len({part.key for part in last.partitions} - {part.key for part in parts}),
            inputs={name: snapshot.id for name, snapshot in question.snapshots.items()},
            seconds=0.0,
        )
        if last is not None and _same(last, built.version):
            return replace(built, version=last, published=False)
        if self._clock() - self._began > table.keep.replaced / 2:
            return None  # what was taken over may have been removed as something that no version names
        return built if self._versions.publish(built.version) else None


def _digest(parts: Sequence[BuiltPartition]) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part.identity.encode())
        for file in part.files:
            digest.update(f"{file.path}\0{file.etag}\0".encode())
    return digest.hexdigest()


def _same(last: DatasetVersion, following: DatasetVersion) -> bool:
    """Return whether a version has what the one before it has: nothing is to be published."""
    return (last.digest, last.columns, last.levels, last.query) == (
        following.digest,
        following.columns,
        following.levels,
        following.query,
    )
