"""A minute of mixed load while everything happens at random: ``make soak`` in short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from soak import soaking

pytestmark = [pytest.mark.gunicorn, pytest.mark.s3]

SEED, SECONDS = 12, 45.0


def test_bombs_kills_faults_and_reloads_harm_no_neighbour_and_leave_nothing_behind(s3: Any, tmp_path: Path) -> None:
    with soaking(s3, tmp_path, SEED) as soak:
        report = soak.run(SECONDS)
    assert report.faults == [], report
    assert report.incidents.total() >= 5
