"""The query of a dataset over one state of its tables, and its restrictions to keys of the dataset."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import orjson
import pyarrow as pa

from gateway.cache.key import question_key, result_key
from gateway.catalog.manifest import Snapshot
from gateway.catalog.table import ScanLimits, Table
from gateway.catalog.versions import Key
from gateway.concurrency.origin import on_behalf_of
from gateway.datasets.levels import Conditions, Level, distinct, levels_of
from gateway.datasets.written_columns import Unwritable, written_columns
from gateway.errors import Diagnostic, Rule, TableInvalid
from gateway.execution.planning import Planning
from gateway.execution.work import Work
from gateway.model import BoundQuery, Column, Plan, Principal
from gateway.pipeline import Gateway, at_this_instant
from gateway.query.coerce import format_value
from gateway.query.functions import Volatility
from gateway.query.validate import volatility_of
from gateway.telemetry.timings import Timings
from gateway.writer.arrow import plain
from gateway.writer.partitions import Partitions

_FORMAT = "dataset/1"
"""Of the identities of answers: another one, and all partitions are built again."""
_DESCRIBING = 30.0
"""Seconds in which the columns of a query are found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restricted:
    """The question for the rows below some keys, planned: its identity, and what it reads of every scan."""

    keys: Collection[Key]
    query: BoundQuery
    plan: Plan
    identity: str
    selected: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes of the files that it reads."""
        return sum(scan.selection.size for scan in self.plan.scans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The query of a dataset with its parameters, over pinned snapshots of its tables."""

    table: Table
    bound: BoundQuery
    snapshots: Mapping[str, Snapshot]
    columns: tuple[Column, ...]
    """Of the result, in the types in which they are written."""
    levels: tuple[Level, ...]
    planning: Planning
    versions: Mapping[str, int]
    """Of the tables that are datasets, the version that is read."""
    principal: Principal
    identities: tuple[str, ...]
    """What its tables are declared to be."""
    pinned_at: float
    """When it was asked, in seconds since the epoch."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """The values of the query's parameters, as JSON values."""
        return {name: format_value(given.value) for name, given in self.bound.parameters.items()}

    @property
    def inputs(self) -> Mapping[str, Mapping[str, object]]:
        """What is noted of each table that is read: its snapshot, and the version of a dataset."""
        return {
            name: {"snapshot": snapshot.id, "listed_at": snapshot.listed_at, "files": snapshot.files.num_rows}
            | ({"version": self.versions[name]} if name in self.versions else {})
            for name, snapshot in self.snapshots.items()
        }

    def within(self, keys: Collection[Key]) -> Restricted:
        """Restrict the query to the rows below some keys."""
        conditions = Conditions(self.levels)
        return self._restricted("*", conditions.within(keys), conditions, keys)

    def outside(self, keys: Collection[Key]) -> Restricted:
        """Ask which keys there are beside some."""
        conditions = Conditions(self.levels)
        return self._restricted(f"DISTINCT {distinct(self.levels)}", conditions.outside(keys), conditions, keys)

    def keys_of(self, rows: pa.Table) -> list[Key]:
        """Return the keys of rows that ``outside`` answered with. Raises ``InputInvalid``."""
        partitions = Partitions([level.field for level in self.levels], self._types())
        partitions.assign(rows.cast(plain(rows.schema)), 1)
        return partitions.texts

    def work(self, restricted: Restricted) -> Work:
        """Return what computes a restricted question."""
        question = self._question(restricted.query)
        return Work(
            plan=restricted.plan,
            question=question,
            key=result_key(question, restricted.plan, self.planning.engine),
            principal=self.principal,
            pinned_at=self.pinned_at,
            timings=Timings(time.monotonic),
            fold=partial(self.planning.fold, restricted.plan, self.snapshots, self.principal),
        )

    def _restricted(self, columns: str, condition: str, conditions: Conditions, keys: Collection[Key]) -> Restricted:
        bound = self.bound
        query = replace(
            bound,
            sql=f'SELECT {columns} FROM (\n{bound.sql}\n) AS "__built" WHERE {condition}',
            normalised=f"SELECT {columns} FROM ({bound.normalised}) WHERE {condition}",
            parameters={**bound.parameters, **conditions.parameters},
        )
        with on_behalf_of(query.origin):
            plan = self.planning.planner.plan(query, self.snapshots, self.principal)
        identity = result_key(self._question(query), plan, self._layout())
        selected = tuple(scan.selection.digest() for scan in plan.scans)
        return Restricted(keys=keys, query=query, plan=plan, identity=identity, selected=selected)

    def _question(self, query: BoundQuery) -> str:
        return question_key(query, self.principal, self.identities, origin=_FORMAT)

    def _layout(self) -> str:
        """Say how rows are laid out in files: other columns, levels or another order are other files."""
        columns = [[column.name, column.type] for column in self.columns]
        fields = [field.model_dump(mode="json") for field in self.table.written_by]
        return orjson.dumps([columns, fields, self.table.sorted_by]).decode()

    def _types(self) -> dict[str, str]:
        return {column.name.lower(): column.type for column in self.columns}


def ask(gateway: Gateway, table: Table, *, now: float) -> Question:
    """Bind the query of a dataset, and pin its tables as they are now. Raises ``GatewayError``."""
    bound = bound_query(gateway, table, now=now)
    planning = _planning(gateway, table, bound)
    for name in bound.tables:
        gateway.catalog.refresh(name)
        gateway.catalog.read_all_footers(name)  # what is known of files decides which of them are selected
    pinned = gateway.catalog.pin(bound.tables)
    snapshots = {name: _without_limits(snapshot) for name, snapshot in pinned.items()}
    with on_behalf_of(bound.origin):
        statement = planning.planner.over_nothing(bound, snapshots)
        columns = gateway.engine.columns(statement, deadline=time.monotonic() + _DESCRIBING)
    written = _written(table, columns)
    return Question(
        table=table,
        bound=bound,
        snapshots=snapshots,
        columns=written,
        levels=levels_of(table, written),
        planning=planning,
        versions={
            name: version.version
            for name, snapshot in pinned.items()
            if (version := gateway.catalog.built_version(snapshot)) is not None
        },
        principal=builder_of(table),
        identities=tuple(gateway.catalog.identities(bound.tables)),
        pinned_at=now,
    )


def builder_of(table: Table) -> Principal:
    """Return on whose behalf a dataset is built: it has no scope, so that a policy shows it all rows or refuses."""
    return Principal(name=table.build.principal)


def bound_query(gateway: Gateway, table: Table, *, now: float) -> BoundQuery:
    """Bind the query of a dataset. Raises ``TableInvalid``, ``RequestError``."""
    assert table.query is not None
    name, _, version = table.query.rpartition("/v")
    template = gateway.registry.template(name, int(version))
    given = {key: format_value(value) for key, value in table.parameters.items()}
    bound = template.bind(given, now=now)
    _refuse_circles(gateway, table, bound)
    found = volatility_of(bound.sql)
    if found is Volatility.VOLATILE:
        hint = "its partitions are answers of their own, which must be parts of one"
        raise invalid(table, f"{table.query} gives another answer each time", hint)
    if found is Volatility.CLOCK and bound.cache.clock is None:
        hint = "declare how long an answer holds in the query, cache: {clock: 1d}: it is built again when that is over"
        raise invalid(table, f"{table.query} reads the clock", hint)
    # How long a caller waits is not how long a build may take, and rows in its place are no rows of the dataset.
    return replace(at_this_instant(bound, now), timeout=None, default=None, relative={})


def _refuse_circles(gateway: Gateway, table: Table, bound: BoundQuery) -> None:
    """Refuse a dataset whose query reads it, also through other datasets."""
    reads, seen = list(bound.tables), set[str]()
    while reads:
        name = reads.pop()
        if name == table.name:
            raise invalid(table, f"{table.query} reads {table.name}, which would be built of itself")
        other = gateway.catalog.tables.get(name)
        if name not in seen and other is not None and other.query is not None:
            seen.add(name)
            query, _, version = other.query.rpartition("/v")
            reads += gateway.registry.template(query, int(version)).tables


def _planning(gateway: Gateway, table: Table, bound: BoundQuery) -> Planning:
    """Return what plans a build: over all rows, where the dataset may have those that a policy hides from some."""
    planner = gateway.planning.planner
    restricted = planner.restricts(bound.tables)
    if not restricted:
        return gateway.planning
    unfiltered = [] if table.unfiltered else _unfiltered(gateway, table)
    if unfiltered:
        hint = "filter its rows by the policy too, or write unfiltered: true, if whoever may ask it may see them all"
        part = f"a policy shows some principals a part of {', '.join(restricted)} only"
        raise invalid(table, f"{part}, and everybody all of {', '.join(unfiltered)}", hint)
    folds = gateway.planning.folds
    return replace(gateway.planning, folds=folds.over(planner.seeing_all()))


def _unfiltered(gateway: Gateway, table: Table) -> list[str]:
    """Name the tables of which everybody sees all rows, of those that show versions of a dataset."""
    tables = gateway.catalog.tables.values()
    showing = [each.name for each in tables if each.name == table.name or _shows(each, table)]
    filtered = gateway.planning.planner.restricts(showing)
    return [name for name in showing if name not in filtered]


def _shows(each: Table, table: Table) -> bool:
    return each.version is not None and each.location == table.location


def _without_limits(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot of a table that may be read whole: its limits are for those who wait for an answer."""
    table = snapshot.table
    if table.limits == ScanLimits():
        return snapshot
    return replace(snapshot, table=table.model_copy(update={"limits": ScanLimits()}))


def _written(table: Table, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns of a dataset. Raises ``TableInvalid`` where it cannot hold those of its query."""
    try:
        return written_columns(columns, table.written_by, of=str(table.query))
    except Unwritable as error:
        raise invalid(table, error.message, error.hint) from error


def invalid(table: Table, message: str, hint: str | None = None) -> TableInvalid:
    """Make the error for a dataset that cannot be built as it is declared."""
    path = f"catalog/{table.name}.yaml"
    return TableInvalid([Diagnostic(path=path, message=message, hint=hint, rule=Rule.TABLE)])
