"""What differs between two states of a project's queries."""

from __future__ import annotations

from datetime import date

from gateway.pr_review.changes import Change, ChangeKind, find_changes
from gateway.query.compare import Effect, contract
from gateway.query.registry import Registry
from gateway.query.template import Template

TODAY = date(2026, 7, 1)


def version(number: int, sql: str = "SELECT a FROM t", *lines: str, name: str = "sales") -> Template:
    text = "\n".join(("/*", "summary: x", *lines, "*/", sql, ""))
    path = f"queries/{name}/v{number}.sql"
    return Template.load(text, path=path, name=name, version=number, tables={"t"})


def changes(base: list[Template], head: list[Template], *broken: str) -> tuple[Change, ...]:
    return find_changes(Registry.of(base), Registry.of(head), exists=broken.__contains__, today=TODAY)


def test_nothing_is_reported_where_nothing_has_changed() -> None:
    assert changes([version(1)], [version(1)]) == ()


def test_a_published_version_that_means_something_else_is_refused_with_the_next_number() -> None:
    (change,) = changes([version(1), version(2)], [version(1), version(2, "SELECT b FROM t")])
    (error,) = change.errors
    assert change.kind is ChangeKind.ALTERED
    assert str(error) == (
        "queries/sales/v2.sql:4: sales v2 is published and has changed: its SQL "
        "(put the old text back, and write the new one as v3.sql beside it)"
    )


def test_all_that_callers_cannot_see_may_change_in_a_published_version() -> None:
    edited = version(1, "select a -- as ever\nfrom t", "owner: ana", "cache: {ttl: 5m}", "deprecated: 2026-01-01")
    (change,) = changes([version(1)], [edited])
    assert change.kind is ChangeKind.EDITED
    assert change.errors == ()
    assert change.touched == ("owner", "cache", "deprecated", "layout")


def test_a_version_can_be_removed_once_its_sunset_has_passed() -> None:
    (change,) = changes([version(1, "SELECT a FROM t", "sunset: 2026-07-01")], [])
    assert (change.kind, change.errors) == (ChangeKind.REMOVED, ())


def test_a_version_cannot_be_removed_before_its_sunset() -> None:
    for lines, why in (((), "it has no sunset"), (("sunset: 2026-07-02",), "its sunset is 2026-07-02")):
        (change,) = changes([version(1, "SELECT a FROM t", *lines)], [])
        (error,) = change.errors
        assert error.message == f"sales v1 is published and cannot be removed yet: {why}"


def test_a_version_whose_file_is_only_broken_is_not_taken_for_removed() -> None:
    assert changes([version(1)], [], "queries/sales/v1.sql") == ()


def test_a_new_version_is_compared_with_the_one_before_it() -> None:
    parameters = "parameters: {day: {type: date}}"
    (change,) = changes([version(1)], [version(1), version(3, "SELECT a FROM t WHERE d = $day", parameters)])
    assert (change.kind, change.before) == (ChangeKind.VERSION, version(1))
    assert contract(change.parameters) is Effect.BREAKING


def test_a_first_version_has_nothing_to_be_compared_with() -> None:
    (change,) = changes([], [version(1)])
    assert (change.kind, change.before) == (ChangeKind.QUERY, None)
