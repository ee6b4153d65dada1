"""Write a dashboard beside the script that makes it, or to standard output with ``--print``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def write(name: str, document: dict[str, Any], arguments: Sequence[str]) -> None:
    """Write *document* into the file *name* of this folder, or print it where *arguments* are ``--print``."""
    text = json.dumps(document, indent=1) + "\n"
    if list(arguments) == ["--print"]:
        sys.stdout.write(text)
    else:
        (FOLDER / name).write_text(text, encoding="utf-8")
