"""``docs/errors.md`` lists every error code as it is."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.web.problems import kinds

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def test_every_error_code_is_documented_as_it_is() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (.+?) \| (yes|no) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    documented = [(code, int(status), title, again == "yes", meaning) for code, status, title, again, meaning in rows]
    expected = [(one.code, one.status, one.title, one.retryable, one.meaning) for one in kinds().values()]
    assert documented == expected
