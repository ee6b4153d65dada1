"""All splits of an answer together are the answer, each row once, wherever they are cut and resumed."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_tables import FILES, TEXTS, DataFile, asked, counted, make_project, planned, read, under_policy

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import SplitGone
from gateway.model import Principal
from gateway.plan.fold.parts import Whole
from gateway.plan.portions import portions
from gateway.telemetry.events import unobserved

ALWAYS_KNOWN = ("scan", "parted", "sorted", "grouped", "ends")
"""Questions whose splits tell how many rows they have, whoever sees all of them."""


class OddOnly:
    """Shows the scope ``odd`` the rows of odd numbers, and ``few`` some of them."""

    def rows(self, principal: Principal, table: str) -> str | None:
        if table != "t":
            return None
        return {"odd": "id % 2 = 1", "few": "v IN (SELECT unnest([1, 2, 3]))", "": None}[principal.scope]


@given(
    files=FILES,
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=2),
    n=st.integers(0, 13),
    skip=st.integers(0, 30),
    scope=st.sampled_from(["", "odd", "few"]),
)
@settings(max_examples=6, deadline=None)
def test_all_splits_together_are_the_answer(
    tmp_path_factory: pytest.TempPathFactory, files: list[DataFile], counts: list[int], n: int, skip: int, scope: str
) -> None:
    project, who = make_project(tmp_path_factory.mktemp("splits"), files), Principal(name="ana", scope=scope)
    with open_gateway(load_settings(project, {}), observe=unobserved, background=False) as opened:
        gateway = under_policy(opened, OddOnly())
        for name, (by, _) in TEXTS.items():
            question = asked(name, n)
            answer = gateway.answer(question, principal=who).result
            for count in counts:
                plan = planned(gateway, question, count, who)
                assert [each.split.by for each in plan.splits] == [by] * count
                assert plan.columns == answer.columns
                rows = [read(gateway, question, each.split, principal=who) for each in plan.splits]
                assert counted(*rows) == counted(answer.table), (name, count)
                known = name in ALWAYS_KNOWN and not scope
                for each, table in zip(plan.splits, rows, strict=True):
                    assert each.rows == table.num_rows or (each.rows is None and not known), name
            at = skip % count
            again = read(gateway, question, plan.splits[at].split, skip=skip, principal=who)
            assert repr(again.to_pydict()) == repr(rows[at].slice(skip).to_pydict()), name
            assert planned(gateway, question, count, who) == plan


def test_a_split_has_one_order_however_often_it_is_read(tmp_path: Path) -> None:
    """A long IN is a join, whose sides DuckDB swaps when it knows more of the files, or threads race in it."""
    files = [DataFile(rows=36, group=20, partition="b"), DataFile(rows=64, group=20, partition="a")]
    with open_gateway(
        load_settings(make_project(tmp_path, files), {}), observe=unobserved, background=False
    ) as gateway:
        [only] = planned(gateway, asked("filter"), 1).splits
        found = {repr(read(gateway, asked("filter"), only.split).to_pydict()) for _ in range(40)}
    assert len(found) == 1


def test_rows_that_a_policy_finds_by_a_join_are_not_taken_for_those_of_the_files_in_order(tmp_path: Path) -> None:
    project = make_project(tmp_path, [DataFile(rows=9, group=9, partition="a")])
    with open_gateway(load_settings(project, {}), observe=unobserved, background=False) as opened:
        gateway = under_policy(opened, OddOnly())
        query = gateway.registry.bind(asked("scan"), now=0.0)
        snapshots = gateway.planning.snapshots(query)
        found = {}
        for scope in ("", "odd", "few"):
            who = Principal(name="ana", scope=scope)
            fold = gateway.planning.fold(gateway.planning.planner.plan(query, snapshots, who), snapshots, who)
            found[scope] = isinstance(fold, Whole) and fold.in_order
    assert found == {"": True, "odd": True, "few": False}


def test_plans_of_other_rows_have_another_name(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", [DataFile(rows=9, group=9, partition="a")])
    (project / "queries/scan/v1.sql").write_text(
        "/*\nsummary: open\ncache: {clock: 1h}\n*/\nSELECT id, random() AS x FROM t\n"
    )
    plans = []
    for state in ("one", "other"):
        settings = load_settings(project, {"GATEWAY_STATE": str(tmp_path / state)})
        with open_gateway(settings, observe=unobserved, background=False) as gateway:
            plans.append(planned(gateway, asked("scan"), 2))
    assert plans[0].query.snapshot == plans[1].query.snapshot
    assert plans[0].splits != plans[1].splits
    assert plans[0].id != plans[1].id


def test_a_split_has_the_rows_that_its_reader_may_see_whoever_planned_it(tmp_path: Path) -> None:
    files = [DataFile(rows=90, group=10, partition="a"), DataFile(rows=20, group=5, partition=None)]
    project = make_project(tmp_path, files)
    everybody, odd = Principal(name="ana"), Principal(name="bob", scope="odd")
    with open_gateway(load_settings(project, {}), observe=unobserved, background=False) as opened:
        gateway = under_policy(opened, OddOnly())
        scan, grouped = (planned(gateway, asked(name), 4, everybody) for name in ("scan", "grouped"))
        for each in scan.splits:
            all_rows = read(gateway, asked("scan"), each.split, principal=everybody).to_pylist()
            rows = read(gateway, asked("scan"), each.split, principal=odd).to_pylist()
            assert rows == [row for row in all_rows if row["id"] % 2 == 1]
        assert planned(gateway, asked("scan"), 4, odd).id != scan.id
        with pytest.raises(SplitGone, match="other rows"):
            read(gateway, asked("grouped"), grouped.splits[0].split, principal=odd)


@given(
    groups=st.lists(st.lists(st.integers(1, 9), max_size=4), max_size=6),
    count=st.integers(1, 20),
    bytes_of_row=st.integers(1, 50),
)
@settings(deadline=None)
def test_portions_have_every_row_once(groups: list[list[int]], count: int, bytes_of_row: int) -> None:
    sizes = [sum(each) * bytes_of_row for each in groups]
    made = portions(sizes, count, lambda files: {file: groups[file] for file in files})
    found = []
    for portion in made:
        for piece in portion.pieces():
            stop = sum(groups[piece.file]) if piece.stop is None else piece.stop
            found += [(piece.file, row) for row in range(piece.start, stop)]
            assert {piece.start, stop} <= {0, *accumulate(groups[piece.file])}  # no row group is read twice
    assert found == [(file, row) for file, each in enumerate(groups) for row in range(sum(each))]
    assert len(made) == count
