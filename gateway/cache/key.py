"""The identity of a question and of its answer.

A question is its normalised text, its bound values and what of the principal changes the answer. An answer is a
question over certain versions of certain files, answered by one engine. Both are BLAKE2b digests (RFC 7693) over
length-prefixed parts, so that no two sequences of parts give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from gateway.canonical import canonical_bytes
from gateway.model import BoundQuery, Plan, Principal

_SIZE = 20
_FORMAT = b"2"


def question_key(query: BoundQuery, principal: Principal, tables: Iterable[str] = (), *, origin: str = "") -> str:
    """Digest a question, in 40 hexadecimal digits; equal for texts that differ in comments, case or spacing only.

    *tables* are the identities of the tables that it reads: elsewhere, or declared in another way, they give another
    answer. *origin* names the deployment and the software that answers.
    """
    form = _FORMAT + b" deterministic" if query.deterministic else _FORMAT
    parts = [form, query.normalised.encode(), principal.scope.encode(), origin.encode()]
    parts += (identity.encode() for identity in tables)
    for name in sorted(query.parameters):
        parts += (name.encode(), canonical_bytes(query.parameters[name]))
    return _digest(parts)


def at_snapshot(question: str, snapshot: str) -> str:
    """Digest a question that is asked of a named snapshot: its answer is another entry, of a key that they share.

    >>> unpinned(at_snapshot("00ff" * 10, "11ee11ee11ee11ee")) == "00ff" * 10
    True
    """
    return question + blake2b(snapshot.encode(), digest_size=_SIZE // 2).hexdigest()


def unpinned(question: str) -> str:
    """Return the question that is asked, of whatever snapshot."""
    return question[: 2 * _SIZE]


def result_key(question: str, plan: Plan, engine: str) -> str:
    """Digest a question with the versions of the files that its plan selected, in 40 hexadecimal digits.

    *engine* names what runs the plan, since two engines may differ in an answer's types, order and last digits.
    """
    parts = [_FORMAT, question.encode(), engine.encode()]
    for scan in plan.scans:
        parts += (scan.table.encode(), scan.selection.digest())
    return _digest(parts)


def partial_key(
    question: str, states: Iterable[str], table: str, selection: bytes, beside: Iterable[bytes] = ()
) -> str:
    """Digest the question of a partial with the versions of the files of its partition, in 40 hexadecimal digits.

    *states* are the names and types of its columns: the text of a question has others where its table has others.
    *beside* are the digests of the files of the other scans that are read with it.
    """
    parts = [_FORMAT, b"partial", question.encode(), table.encode(), selection, *(state.encode() for state in states)]
    parts += beside
    return _digest(parts)


def _digest(parts: Iterable[bytes]) -> str:
    digest = blake2b(digest_size=_SIZE)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
