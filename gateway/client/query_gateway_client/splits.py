"""The parts of an answer that are read on their own, by anybody, in any order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from query_gateway_client.question import Question, Target

_PATH = "/v1/queries/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One part of an answer. ``address`` says all that it is of: hand it to another thread, process or machine.

    ``rows`` and ``bytes`` are None where nobody knows them before it is read.
    """

    number: int
    address: str
    rows: int | None
    bytes: int | None

    def target(self, row: int) -> Target:
        """Return where its rows from *row* on are asked for."""
        return Target(method="GET", path=f"{self.address}&_from={row}" if row else self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An answer in splits. The same question, snapshot and number of splits have the same plan, on every host.

    ``rows`` is None where it is not known before they are read; ``bytes`` are those of the files that are read.
    """

    id: str
    query: str
    version: int
    parameters: Mapping[str, Any]
    snapshot: str | None
    rows: int | None
    bytes: int | None
    splits: tuple[Split, ...]


def plan_target(question: Question, *, splits: int, snapshot: str | None) -> Target:
    """Return where a plan is asked for."""
    asked = {"parameters": question.as_json(), "splits": splits}
    if snapshot is not None:
        asked["snapshot"] = snapshot
    path = f"{_PATH}{quote(question.query)}/{question.version}/splits"
    return Target(method="POST", path=path, body=json.dumps(asked).encode())


def plan_of(document: Mapping[str, Any]) -> Plan:
    """Read a plan. Of the addresses the path is taken, for the key goes to no other server than before."""
    return Plan(
        id=document["id"],
        query=document["query"],
        version=document["version"],
        parameters=document["parameters"],
        snapshot=document.get("snapshot"),
        rows=document["rows"],
        bytes=document["bytes"],
        splits=tuple(
            Split(number=each["number"], address=_path(each["url"]), rows=each["rows"], bytes=each["bytes"])
            for each in document["splits"]
        ),
    )


def _path(url: str) -> str:
    """Return an address without the server and the prefix that a proxy put before it.

    >>> _path("https://elsewhere.example/prefix/v1/queries/q/v1/splits/0?_plan=x")
    '/v1/queries/q/v1/splits/0?_plan=x'
    """
    return url[url.index(_PATH) :]


def reading_order(count: int, *, seed: int, epoch: int) -> list[int]:
    """Return the numbers of the splits in the order in which *epoch* reads them: the gateway's, of this seed.

    >>> reading_order(5, seed=7, epoch=0), reading_order(5, seed=7, epoch=1)
    ([1, 2, 0, 3, 4], [3, 4, 1, 2, 0])
    """

    def place(number: int) -> bytes:
        return blake2b(f"{seed}/{epoch}/{number}".encode(), digest_size=16).digest()

    return sorted(range(count), key=place)


def seed_of(seed: int, epoch: int, number: int) -> int:
    """Return the seed of the order of the rows inside of a split: 63 bits.

    >>> seed_of(7, 0, 3) == seed_of(7, 0, 3) != seed_of(7, 1, 3)
    True
    """
    return int.from_bytes(blake2b(f"rows {seed}/{epoch}/{number}".encode(), digest_size=8).digest()) >> 1
