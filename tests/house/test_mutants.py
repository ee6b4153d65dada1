"""The mutants of ``make mutate``, which is not part of the usual run, are of rules that exist."""

from __future__ import annotations

import pytest
from fold_mutants import MUTANTS as OF_FOLDS
from mutants import MUTANTS as OF_SELECTION
from mutating import Mutant


@pytest.mark.parametrize("mutant", [*OF_SELECTION, *OF_FOLDS], ids=str)
def test_a_mutant_is_of_a_rule_that_exists(mutant: Mutant) -> None:
    assert mutant.name in mutant.members
