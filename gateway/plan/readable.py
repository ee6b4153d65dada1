"""Refuses files whose values the engine would misread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from gateway.catalog import facts
from gateway.catalog.manifest import Snapshot
from gateway.errors import Diagnostic, TableInvalid
from gateway.model import FileVersion


def refuse_misread(snapshot: Snapshot, chosen: Sequence[FileVersion]) -> None:
    """Raise ``TableInvalid`` where a file of *chosen* holds a column that the engine misreads, see ``catalog.misread``.

    It is known of files whose footers were read, as those of *chosen* are before.
    """
    found = {
        position: file for position, file in enumerate(facts.known(snapshot.files)) if file is not None and file.misread
    }
    if not found:
        return
    marked = pa.array(np.isin(facts.codes(snapshot.files), list(found)))
    wrong = {snapshot.address(str(path)) for path in snapshot.files["path"].filter(marked).to_pylist()}
    if any(file.path in wrong for file in chosen):
        reason = next(iter(found.values())).problem
        message = f"a data file cannot be read rightly: {reason}"
        raise TableInvalid([Diagnostic(path=f"catalog/{snapshot.table.name}.yaml", message=message)])
