"""Arrow arrays and compute functions with loose types: the stubs reject plain Python scalars as arguments."""

from __future__ import annotations

from typing import Any

import pyarrow.compute

Array = Any
"""A ``pyarrow.Array`` of any type."""

pc: Any = pyarrow.compute
