"""The standard AWS credential chain and configuration, by botocore.

Loading botocore takes longer than the rest of a short command, so ``store`` does it only if the chain is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions
import botocore.session
from botocore.credentials import RefreshableCredentials

from gateway.errors import StorageFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainKeys:
    """Keys as the chain has them now; ``temporary`` ones are renewed by it in time."""

    key: str
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    temporary: bool


class Chain:
    """Environment, profile and SSO files, web identity, container and instance metadata; walked at the first call.

    With a *profile* the keys are those that it names, whatever the environment says.
    """

    def __init__(self, profile: str | None = None) -> None:
        self._profile = profile
        self._session: Any = None
        self._found: Any = None

    def __call__(self) -> ChainKeys | None:
        """Return valid keys, None where there are none. Raises ``StorageFailed``."""
        try:
            if self._session is None:
                session = botocore.session.Session(profile=self._profile)
                self._found = session.get_credentials()
                self._session = session
            frozen = self._found.get_frozen_credentials() if self._found is not None else None
        except botocore.exceptions.BotoCoreError as error:
            raise StorageFailed(f"No usable AWS credentials ({type(error).__name__}).") from None
        if frozen is None:
            return None
        temporary = isinstance(self._found, RefreshableCredentials)
        return ChainKeys(key=frozen.access_key, secret=frozen.secret_key, token=frozen.token, temporary=temporary)


def configured_region() -> str | None:
    """Return the region of the AWS configuration."""
    try:
        found: str | None = botocore.session.Session().get_config_variable("region")
    except botocore.exceptions.BotoCoreError:
        return None
    return found
