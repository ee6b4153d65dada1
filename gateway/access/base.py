"""The interface of authentication and authorization for the rest of the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.access.rates import Rates
from gateway.model import Principal

ANONYMOUS = Principal()
"""The principal of unauthenticated requests; no other has this name."""
CREDENTIALS = ("authorization", "x-api-key", "cookie", "sec-fetch-site", "origin", "host")
"""The only request headers that ``identify`` reads."""
VARY = "Authorization, X-Api-Key, Cookie"
"""``Vary`` of answers that depend on the caller."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="query-gateway"'}
"""The header of a 401 response."""

QUERY, TABLE, REFRESH, CACHE, RELOAD, METRICS = "query", "table", "refresh", "cache", "reload", "metrics"
"""Actions that may be granted: reading a query or table, refreshing a table (by name); the operator's actions."""
STOP = "stop"
"""Another one of the operator's: to see which queries of others run and wait, and to stop any."""
BUILD, TAG, CANCEL, READ, EXPORT = "build", "tag", "cancel", "read", "export"
"""Actions on datasets, by name: to have one built, name its versions, cancel a build, read of builds and lineage.

``export`` is one on queries, by name: to have their results written as files."""
ON_TABLES, ON_QUERIES = (REFRESH, BUILD, TAG, CANCEL, READ), (EXPORT,)
"""Actions that apply to the tables, and to the queries, of the grant that has them."""
_WRITING = frozenset({BUILD, TAG, CANCEL, EXPORT})
"""Actions that leave something behind in a store: nobody may who is not known."""


class Access(Protocol):
    """Authenticates and authorizes callers. Fast and thread-safe: every request uses it several times."""

    @property
    def generation(self) -> int:
        """Return the version of keys and grants, a number that grows whenever one of them changes."""

    def identify(self, headers: Mapping[str, str], *, wait: bool = True) -> Principal:
        """Return the caller by the ``CREDENTIALS`` among *headers* (lower-case names), ``ANONYMOUS`` without any.

        Raises ``Unauthenticated`` for invalid credentials. Without *wait*, as in the event loop, no I/O is done: a
        token signed with a new key of its issuer is then refused.
        """

    def may(self, principal: Principal, action: str, name: str) -> bool:
        """Tell whether *principal* may do *action* on *name*, whether or not that exists."""

    def shared(self, action: str, name: str) -> bool:
        """Tell whether everybody may, anonymous callers included: only then may shared caches keep the answer."""

    def limit(self, principal: Principal) -> Rates:
        """Return the configured rates of *principal*; None where there is no limit."""

    def failures(self) -> Mapping[str, str]:
        """Return the files that cannot be read, with the reason; their last valid version stays in force."""

    def ready(self) -> None:
        """Raise ``AccessInvalid`` where no valid configuration is loaded."""


class Open:
    """No access control: everybody may do everything, anonymously, but have something written."""

    generation = 0

    def identify(self, headers: Mapping[str, str], *, wait: bool = True) -> Principal:
        return ANONYMOUS

    def may(self, principal: Principal, action: str, name: str) -> bool:
        return action not in _WRITING

    def shared(self, action: str, name: str) -> bool:
        return action not in _WRITING

    def limit(self, principal: Principal) -> Rates:
        return Rates()

    def failures(self) -> Mapping[str, str]:
        return {}

    def ready(self) -> None:
        return None


OPEN: Access = Open()
