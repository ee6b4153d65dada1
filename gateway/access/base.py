"""What the rest of the gateway asks about callers: who they are, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.access.rates import Rates
from gateway.model import Principal

ANONYMOUS = Principal()
"""Who asks without saying who they are; the only principal of this name."""
CREDENTIALS = ("authorization", "x-api-key", "cookie", "sec-fetch-site")
"""The headers of a request that ``identify`` reads; nothing else of it decides who asks."""
VARY = "Authorization, X-Api-Key, Cookie"
"""The same for caches on the way: the headers that an answer which is not for everybody depends on."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="query-gateway"'}
"""The header of an answer that asks who is asking."""

QUERY, TABLE, REFRESH, CACHE, RELOAD, METRICS = "query", "table", "refresh", "cache", "reload", "metrics"
"""What may be granted: reading a query or a table, by name; refreshing a table, by name; the operator's actions."""


class Access(Protocol):
    """Decide about callers. Quick and thread-safe: it is asked several times in every request, hits included."""

    @property
    def generation(self) -> int:
        """Tell the state of keys and grants: a number that grows whenever one of them changes."""

    def identify(self, headers: Mapping[str, str], *, wait: bool = True) -> Principal:
        """Tell who asks by the ``CREDENTIALS`` among *headers* (names in lower case), ``ANONYMOUS`` without any.

        Raises ``Unauthenticated`` where there are credentials and they are not valid. Without *wait* nobody else is
        asked for it, as an event loop needs; a token by a new key of its issuer is then refused.
        """

    def may(self, principal: Principal, action: str, name: str) -> bool:
        """Tell whether *principal* may do *action* to what is named so, whether or not that exists."""

    def shared(self, action: str, name: str) -> bool:
        """Tell whether everybody may, known or not: only then may a cache on the way give an answer to others."""

    def limit(self, principal: Principal) -> Rates:
        """Return what is said of how much *principal* may ask; None in it where nothing is."""

    def failures(self) -> Mapping[str, str]:
        """Tell which of the files behind it cannot be read, and why; what was last right of them is in force."""

    def ready(self) -> None:
        """Raise ``AccessInvalid`` where nobody can be let in."""


class Open:
    """Everybody may do everything, and nobody is asked who they are."""

    generation = 0

    def identify(self, headers: Mapping[str, str], *, wait: bool = True) -> Principal:
        return ANONYMOUS

    def may(self, principal: Principal, action: str, name: str) -> bool:
        return True

    def shared(self, action: str, name: str) -> bool:
        return True

    def limit(self, principal: Principal) -> Rates:
        return Rates()

    def failures(self) -> Mapping[str, str]:
        return {}

    def ready(self) -> None:
        return None


OPEN: Access = Open()
