"""Values in a shared place that prove what they are: each carries a digest of itself and of the name it is kept under.

A value is ``QGW1``, 32 bytes of BLAKE2b (RFC 7693) over the name and the content, then the content. With a secret the
digest is keyed, which makes it a message authentication code: then only those who have the secret can write values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

_MAGIC = b"QGW1"
_DIGEST = 32
OVERHEAD = len(_MAGIC) + _DIGEST
"""Bytes of a value that are not content."""


class Unsealed(Exception):
    """A value is not what its name says: of another name, another secret or another release, damaged, or cut off."""


class Seal:
    """Seals values, with a *secret* where there is one. It never shows the secret."""

    def __init__(self, secret: str | None = None) -> None:
        key = b"" if secret is None else blake2b(secret.encode(), digest_size=64, person=b"gateway secret").digest()
        self._new: Callable[[], Any] = lambda: blake2b(key=key, digest_size=_DIGEST, person=b"gateway value")

    def seal(self, name: str, content: bytes | memoryview) -> bytes:
        """Return the value to keep under a name.

        >>> bytes(Seal().unseal("validation:ab", Seal().seal("validation:ab", b"content")))
        b'content'
        """
        return b"".join((self.proof(name, content), content))

    def proof(self, name: str, content: bytes | memoryview) -> bytes:
        """Return the ``OVERHEAD`` bytes that prove that a content is what was kept under a name."""
        return self.proof_of_pieces(name, (content,))

    def proof_of_pieces(self, name: str, pieces: Iterable[bytes | memoryview]) -> bytes:
        """Return the proof of a content that comes in pieces."""
        return _MAGIC + self._digest(name, pieces)

    def unseal(self, name: str, value: bytes) -> memoryview:
        """Return the content of a value that was found under a name. Raises ``Unsealed``."""
        whole = memoryview(value)
        return self.verified(name, whole[OVERHEAD:], whole[:OVERHEAD])

    def verified(self, name: str, content: memoryview, proof: bytes | memoryview) -> memoryview:
        """Return a content whose proof is kept apart from it. Raises ``Unsealed``."""
        if proof[: len(_MAGIC)] != _MAGIC or not compare_digest(proof[len(_MAGIC) :], self._digest(name, (content,))):
            raise Unsealed
        return content

    def _digest(self, name: str, pieces: Iterable[bytes | memoryview]) -> bytes:
        digest, encoded = self._new(), name.encode()
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
        for piece in pieces:
            digest.update(piece)
        found: bytes = digest.digest()
        return found
