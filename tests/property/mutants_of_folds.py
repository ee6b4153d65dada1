"""Break each line of the algebra and each rule of a fold once, on purpose, and see which test notices.

    make mutate

A check of the tests rather than of the gateway, and slow: its name keeps it out of the usual run. Every mutant runs in
a process of its own, over the tests of folds, until the first that fails; see ``mutants_of_selection.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fold_mutants import MUTANTS
from mutating import noticed

NOTICING = (
    "tests/unit/plan/fold",
    "tests/integration/test_partials.py",
    "tests/property/test_exact_sums.py",
    "tests/property/test_fold_split.py",
    "tests/property/test_folds.py",
    "tests/property/test_reach.py",
    "tests/integration/test_folds_joined.py",
)


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=lambda number: str(MUTANTS[number]))
def test_an_unsound_fold_is_noticed(number: int, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    found = noticed("fold_mutants", number, NOTICING, pytestconfig.rootpath, tmp_path)
    print(f"\n{MUTANTS[number]}: {found}")
