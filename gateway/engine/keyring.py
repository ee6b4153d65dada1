"""The keys of the buckets for DuckDB, from the one source of credentials."""

from __future__ import annotations

from gateway.catalog.store import CredentialChain, S3Settings
from gateway.engine.instance import BucketKeys, Keyring


def keyring(s3: S3Settings) -> Keyring:
    """Make what DuckDB is given keys by: those of the settings, else of the standard AWS chain."""
    chain = CredentialChain(s3)

    def keys() -> BucketKeys | None:
        found = chain()
        if found is None:
            return None
        return BucketKeys(key_id=found.key, secret=found.secret, session_token=found.token)

    return keys
