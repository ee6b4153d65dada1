"""Compare a project with a revision: every change, its contract, its cost."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from gateway.catalog.table import Table
from gateway.errors import Diagnostic
from gateway.model import Column
from gateway.pipeline import Gateway
from gateway.pr_review.base import base_project
from gateway.pr_review.changes import Change, ChangeKind, columns_changed, find_changes
from gateway.pr_review.columns import DeclaredColumns
from gateway.pr_review.measure import Example, columns_of, try_examples
from gateway.project.loader import Project, load_project
from gateway.query.compare import ContractDifference, Effect, column_differences, contract, sql_difference
from gateway.query.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedChange:
    """One change with all that is known of it. ``columns`` and ``examples`` need the tables' manifests."""

    change: Change
    columns: tuple[Column, ...] | None = None
    differences: tuple[ContractDifference, ...] = ()
    """Of the contract, from the version before: parameters, and columns where they are known."""
    sql: tuple[str, ...] = ()
    """Lines of the difference of the SQL from the version before."""
    examples: tuple[Example, ...] = ()

    @property
    def contract(self) -> Effect | None:
        """Class the contract against the version before; None where there is none before."""
        return None if self.change.before is None else contract(self.differences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """All changes since *commit*, by name and version."""

    revision: str
    commit: str
    changes: tuple[ReviewedChange, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """List what is not allowed."""
        return tuple(error for reviewed in self.changes for error in reviewed.change.errors)


def review(
    project: Path, revision: str, head: Project, *, today: date, gateway: Gateway | None = None, run: bool = False
) -> Review:
    """Compare the project with *revision*; plan the examples over an opened *gateway*, and *run* them too.

    Raises ``NoBase``.
    """
    with base_project(project, revision) as at, DeclaredColumns.open() as declared:
        base = load_project(at.folder)
        changes = find_changes(base.registry, head.registry, exists=lambda path: (project / path).exists(), today=today)
        found = [
            *(_compared(change, declared, head.tables) for change in changes),
            *_moved(base, head, declared, {(change.name, change.version) for change in changes}),
        ]
    if gateway is not None:
        before = replace(gateway, registry=_both(base, head))
        found = [_tried(reviewed, gateway, before, run) for reviewed in found]
    return Review(
        revision=revision, commit=at.commit, changes=tuple(sorted(found, key=lambda reviewed: reviewed.change.order))
    )


def _both(old: Project, head: Project) -> Registry:
    """Make a registry in which a version is found as it was, or as it is where it was not there yet."""
    found = {
        (template.name, template.version): template
        for project in (head, old)
        for template in project.registry.templates()
    }
    return Registry.of(list(found.values()))


def _compared(change: Change, declared: DeclaredColumns, tables: Mapping[str, Table]) -> ReviewedChange:
    """Compare a version with the one before it, over the tables as they are declared now."""
    before, new = change.before, change.new
    if new is None or change.kind is ChangeKind.EDITED:
        return ReviewedChange(change=change)
    columns = declared.of(new, tables)
    if before is None:
        return ReviewedChange(change=change, columns=columns)
    return ReviewedChange(
        change=change,
        columns=columns,
        differences=(*change.parameters, *_differences(declared.of(before, tables), columns)),
        sql=tuple(sql_difference(before, new)),
    )


def _moved(
    base: Project, head: Project, declared: DeclaredColumns, known: Collection[tuple[str, int]]
) -> Iterator[ReviewedChange]:
    """Find published versions whose columns change because a table is declared otherwise."""
    altered = {
        name
        for name, table in head.tables.items()
        if name in base.tables and base.tables[name].columns != table.columns
    }
    for new in head.registry.templates():
        old = base.registry.queries().get(new.name, {}).get(new.version)
        causes = sorted(altered.intersection(new.tables))
        if old is None or (new.name, new.version) in known or not causes:
            continue
        columns = declared.of(new, head.tables)
        differences = _differences(declared.of(old, base.tables), columns)
        if differences:
            yield ReviewedChange(
                change=columns_changed(old, new, causes, differences), columns=columns, differences=differences
            )


def _differences(
    before: tuple[Column, ...] | None, columns: tuple[Column, ...] | None
) -> tuple[ContractDifference, ...]:
    return () if before is None or columns is None else tuple(column_differences(before, columns))


def _tried(reviewed: ReviewedChange, gateway: Gateway, base: Gateway, run: bool) -> ReviewedChange:
    """Add what the files of the tables show: columns that are not declared, and what the examples read and answer."""
    change = reviewed.change
    if change.new is None or change.kind is ChangeKind.EDITED:
        return reviewed
    columns, differences = reviewed.columns, reviewed.differences
    if columns is None:
        columns = columns_of(gateway, change.new)
        differences += _differences(columns_of(base, change.before), columns)
    return replace(
        reviewed,
        columns=columns,
        differences=differences,
        examples=tuple(try_examples(gateway, change.new, base, change.before, run=run)),
    )
