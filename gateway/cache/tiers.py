"""Results that are kept apart from the answers, in tiers of their own: they make room for one another only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gateway.cache.tier import Purge, Tier, TierError, ValueRejected
from gateway.model import Result


class Tiers:
    """Tiers from the nearest to the farthest; without tiers nothing is kept."""

    def __init__(self, tiers: Sequence[Tier], *, kind: str, lifetime: float) -> None:
        """*kind* names what is kept, for operators; *lifetime* is how long, in seconds."""
        self._tiers, self._kind, self._lifetime = tuple(tiers), kind, lifetime

    def drop(self, which: Purge) -> list[str]:
        """Forget the results that are meant, in every tier; return the names of those that failed."""
        failed: list[str] = []
        for tier in reversed(self._tiers):
            try:
                tier.drop(which)
            except TierError:  # FaultTolerantTier has reported it
                failed.append(f"{tier.name} ({self._kind})")
        return failed

    def drop_near(self, which: Purge) -> None:
        """Forget the results that are meant in the nearest tier, as others did in theirs."""
        for tier in self._tiers[:1]:
            tier.drop(which)

    def close(self) -> None:
        """Close the tiers."""
        for tier in self._tiers:
            tier.close()

    def _put(self, result: Result) -> None:
        for tier in self._tiers:
            tier.put(result, lifetime=self._lifetime)

    def _put_all(self, results: Sequence[Result]) -> None:
        for tier in self._tiers:
            tier.put_all(results, lifetime=self._lifetime)

    def _find_all(self, keys: Iterable[str]) -> Mapping[str, Result]:
        """Return those of several results that there are, as ``_find`` does."""
        found: dict[str, Result] = {}
        missing = list(keys)
        for depth, tier in enumerate(self._tiers):
            if missing:
                here = _results(tier.results(missing))
                for nearer in self._tiers[:depth] if here else ():
                    nearer.put_all(list(here.values()), lifetime=self._lifetime)
                found |= here
                missing = [key for key in missing if key not in here]
        return found

    def _find(self, key: str) -> Result | None:
        """Return the result of a key, from the nearest tier that has it; nearer ones are given a copy."""
        for depth, tier in enumerate(self._tiers):
            found = tier.result(key)
            if found is not None:
                for nearer in self._tiers[:depth]:
                    nearer.put(found, lifetime=self._lifetime)
                return found
        return None


def _results(found: Mapping[str, Result | ValueRejected]) -> Mapping[str, Result]:
    return {key: result for key, result in found.items() if isinstance(result, Result)}
