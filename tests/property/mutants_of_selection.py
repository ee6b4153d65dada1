"""Break each rule that selects partitions and files once, on purpose, and see which test notices.

    make mutate

A check of the tests rather than of the gateway, and slow: its name keeps it out of the usual run. Every mutant runs in
a process of its own, over the tests of selection, until the first that fails. ``mutations.py`` does the same for the
rules of the analysis.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from mutants import MUTANTS
from mutating import noticed

NOTICING = (
    "tests/unit/plan/test_select.py",
    "tests/unit/plan/test_together.py",
    "tests/unit/plan/test_cases.py",
    "tests/unit/plan/test_rewrite.py",
    "tests/integration/test_manifest_footers.py",
    "tests/integration/test_dynamic_pruning.py",
    "tests/integration/test_newest_partition.py",
    "tests/property/test_functions.py",
    "tests/property/test_layouts.py",
    "tests/property/test_projection.py",
    "tests/property/test_pruning_end_to_end.py",
)


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=lambda number: str(MUTANTS[number]))
def test_an_unsound_selection_is_noticed(number: int, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    found = noticed("mutants", number, NOTICING, pytestconfig.rootpath, tmp_path)
    print(f"\n{MUTANTS[number]}: {found}")
