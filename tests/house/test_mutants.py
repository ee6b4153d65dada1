"""The mutants of ``make mutate``, which is not part of the usual run, are of rules that exist."""

from __future__ import annotations

import pytest
from mutants import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_is_of_a_rule_that_exists(mutant: Mutant) -> None:
    assert mutant.name in vars(mutant.holder)
