"""Mixed load, and splits that are read, while everything happens at random: ``make soak`` in short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from soak import soaking
from soak_splits import soaking as soaking_splits

pytestmark = pytest.mark.gunicorn

SEED, SECONDS, INCIDENTS, KILLS = 12, 45.0, 5, 50


@pytest.mark.s3
@pytest.mark.thorough
def test_bombs_kills_faults_and_reloads_harm_no_neighbour_and_leave_nothing_behind(s3: Any, tmp_path: Path) -> None:
    with soaking(s3, tmp_path, SEED) as soak:
        report = soak.run(SECONDS, incidents=INCIDENTS)
    assert report.faults == [], report
    assert report.incidents.total() >= INCIDENTS


def test_each_row_of_64_splits_comes_once_whatever_is_killed_or_cut(tmp_path: Path) -> None:
    with soaking_splits(tmp_path, SEED) as soak:
        report = soak.run(KILLS)
    assert report.faults == [], report
    assert report.incidents.total() == KILLS
    assert report.answers >= 2  # some are read whole before all has happened to them that may
