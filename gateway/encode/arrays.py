"""Arrow's arrays and compute functions, typed loosely: its stubs refuse plain Python scalars among the arguments."""

from __future__ import annotations

from typing import Any

import pyarrow.compute

Array = Any
"""A ``pyarrow.Array`` of any type."""

pc: Any = pyarrow.compute
