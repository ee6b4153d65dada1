"""Mutants of the gateway's own code: what puts one in force, and which test notices it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_NUMBER = "GATEWAY_MUTANT"
"""The variable of the environment that names the mutant of a process, by its place in the list."""
_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=1", "--tb=no")


@dataclass(frozen=True, slots=True)
class Mutant:
    """``holder.name`` (or the entry *name* of a dict) becomes *wrong*, which is made from what is right."""

    rule: str
    done: str
    holder: Any
    name: str
    wrong: Callable[[Any], Any]

    def __str__(self) -> str:
        return f"{self.rule}: {self.done}"

    @property
    def members(self) -> Any:
        """What the holder holds, by name."""
        return self.holder if isinstance(self.holder, dict) else vars(self.holder)

    def apply(self, modules: Iterable[ModuleType]) -> None:
        """Put the mutant in force, also in those of *modules* that know what it replaces by name."""
        right = self.members[self.name]
        made = self.wrong(right)
        if isinstance(self.holder, dict):
            self.holder[self.name] = made
            return
        setattr(self.holder, self.name, made)
        for module in modules if isinstance(self.holder, ModuleType) else ():
            if vars(module).get(self.name) is right:
                setattr(module, self.name, made)


def put_in_force(mutants: Sequence[Mutant], modules: Iterable[ModuleType]) -> None:
    """Put the mutant in force whose number the environment names, if any."""
    number = os.environ.get(_NUMBER)
    if number is not None:
        mutants[int(number)].apply(modules)


def noticed(plugin: str, number: int, tests: Sequence[str], root: Path, storage: Path) -> str:
    """Run tests in a process of their own under a mutant of *plugin*, until the first that fails; return its name."""
    environment = {
        **os.environ,
        _NUMBER: str(number),
        "PYTHONPATH": str(root / "tests" / "support"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(storage),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", plugin, *_OPTIONS, *tests],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if found is None:
        pytest.fail(done.stdout[-2000:] + done.stderr[-2000:])
    return found[1].rpartition("/")[2]
