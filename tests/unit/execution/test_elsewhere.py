"""Where missing partials are computed, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ClusterUnavailable
from gateway.execution.elsewhere import Elsewhere, divided
from gateway.model import BoundQuery

MEBIBYTE = 2**20


class FakeCluster:
    name = "dask"
    tasks = 6

    def __init__(self, problem: str | None = None) -> None:
        self._problem = problem

    def problem(self) -> str | None:
        return self._problem

    def address(self, file: Any) -> str:
        pytest.fail("nothing is asked of the cluster to choose it")

    def execute(self, statements: Any, **options: Any) -> Any:
        pytest.fail("nothing is asked of the cluster to choose it")

    def status(self) -> dict[str, Any]:
        return {}


def elsewhere(problem: str | None = None) -> Elsewhere:
    return Elsewhere(cluster=FakeCluster(problem), above=100 * MEBIBYTE, alone=800 * MEBIBYTE)


def query(engine: str = "auto") -> BoundQuery:
    return BoundQuery(name="q", version=1, sql="", normalised="", tables=(), parameters={}, engine=engine)


@pytest.mark.parametrize(
    ("engine", "size", "problem", "chosen", "why"),
    [
        ("auto", 100, None, "duckdb", "100.0 MiB are left to be read, no more than cluster.above (100.0 MiB)"),
        ("auto", 101, None, "dask", "101.0 MiB are left to be read, more than cluster.above (100.0 MiB)"),
        ("duckdb", 101, None, "duckdb", "the query asks for it (engine: duckdb)"),
        ("dask", 1, None, "dask", "the query asks for it (engine: dask)"),
        ("dask", 1, "it has no workers", "duckdb", "the query asks for it (engine: dask), but it has no workers"),
        ("duckdb", 801, "it has no workers", "duckdb", "the query asks for it (engine: duckdb)"),
        (
            "auto",
            800,
            "it has no workers",
            "duckdb",
            "800.0 MiB are left to be read, more than cluster.above (100.0 MiB), but it has no workers",
        ),
    ],
)
def test_the_engine_is_chosen_by_what_is_left_to_be_read(
    engine: str, size: int, problem: str | None, chosen: str, why: str
) -> None:
    choice = elsewhere(problem).choice(query(engine), size * MEBIBYTE)
    assert (choice.engine, choice.why) == (chosen, why)
    assert (choice.passed_over is not None) == (problem is not None and engine != "duckdb")


def test_what_is_too_much_for_one_machine_is_left_where_the_cluster_is_gone() -> None:
    gone = elsewhere("its scheduler cannot be reached")
    choice = gone.choice(query(), 801 * MEBIBYTE)
    assert choice.engine is None
    assert choice.why.endswith("801.0 MiB are left to be read, more than cluster.alone (800.0 MiB)")
    with pytest.raises(ClusterUnavailable, match=r"Its scheduler cannot be reached\. Ask again later") as raised:
        gone.refuse_beyond(801 * MEBIBYTE, "its scheduler cannot be reached")
    assert raised.value.retry_after == 5.0
    gone.refuse_beyond(800 * MEBIBYTE, "its scheduler cannot be reached")


@given(sizes=st.lists(st.integers(0, 1_000)), count=st.integers(1, 20))
def test_work_is_divided_into_few_runs_that_hold_all_of_it_once(sizes: list[int], count: int) -> None:
    runs = divided(sizes, count)
    assert [number for run in runs for number in range(*run.indices(len(sizes)))] == list(range(len(sizes)))
    assert len(runs) <= count
    assert all(run.start < run.stop for run in runs)


def test_work_of_equal_parts_is_divided_evenly() -> None:
    assert [run.stop - run.start for run in divided([7] * 30, 6)] == [5] * 6
