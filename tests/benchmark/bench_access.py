"""What finding out who asks, whether they may and how much is left costs a request: microseconds of one thread."""

from __future__ import annotations

import json
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from rich.console import Console
from rich.table import Table as Grid

from gateway.access.base import Access
from gateway.access.keys import KeyFile
from gateway.access.limits import CallerLimits
from gateway.access.opening import open_access, open_limits
from gateway.access.settings import AccessSettings, LimitSettings

GRANTS = 200
ROUNDS = 5_000


def prepare(folder: Path) -> tuple[Access, CallerLimits, dict[str, str], dict[str, str]]:
    """Make a project of many grants, a key and a token."""
    key = KeyFile(folder / "keys.json").add("ana", groups=("analysts",))
    every = [f"  - to: [group:g{number}]\n    queries: [q{number}.*]\n" for number in range(GRANTS)]
    (folder / "access.yaml").write_text(
        f"grants:\n{''.join(every)}  - to: [group:analysts]\n    queries: [finance.*]\n"
    )
    signer = ec.generate_private_key(ec.SECP256R1())
    public = jwt.get_algorithm_by_name("ES256").to_jwk(signer.public_key(), as_dict=True)
    (folder / "jwks.json").write_text(json.dumps({"keys": [public | {"kid": "e"}]}))
    claims = {"iss": "i", "aud": "a", "exp": 4_000_000_000, "sub": "tom"}
    token = jwt.encode(claims, signer, algorithm="ES256", headers={"kid": "e"})
    settings = AccessSettings(required=True, jwks="jwks.json", issuer="i", audience="a")
    access = open_access(folder, settings, lambda event: None)
    limits = LimitSettings.model_validate({"requests": "1000000/second", "bytes": "1TiB/hour"})
    time.sleep(0.1)  # files that were just written are read again, not only looked at
    opened = open_limits(limits, access, lambda event: None, state=folder, redis=None)
    return access, opened, {"x-api-key": key}, {"authorization": f"Bearer {token}"}


def main() -> None:
    """Print what each of them takes, the best of five runs."""
    with tempfile.TemporaryDirectory() as folder:
        access, limits, key, token = prepare(Path(folder))
        who = access.identify(key)
        access.identify(token)
        limits.admit(who)
        measured: dict[str, Callable[[], object]] = {
            "a key": lambda: access.identify(key),
            "a token that was verified lately": lambda: access.identify(token),
            f"may, under {GRANTS} grants": lambda: access.may(who, "query", "finance.revenue"),
            "whether keys or grants changed": lambda: access.generation,
            "limits, mostly at hand": lambda: limits.admit(who),
        }
        grid = Grid("asked of each request", "µs", box=None, header_style="bold")
        for name, ask in measured.items():
            seconds = min(timeit.repeat(ask, number=ROUNDS, repeat=5)) / ROUNDS
            grid.add_row(name, f"{seconds * 1e6:.1f}")
        Console().print(grid)


if __name__ == "__main__":
    main()
