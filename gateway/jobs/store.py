"""The records of jobs, as they lie at a location that hosts share.

    open/<kind>/<resource>/<id>                  a mark: the job has not ended, so workers look at it
    jobs/<kind>/<resource>/<id>/job.json         what was asked; created once
    jobs/<kind>/<resource>/<id>/attempt-0001     a worker has taken it up: created by one of those that try, and written
                                                 again by that one while it lives, with its progress
    jobs/<kind>/<resource>/<id>/cancel.json      somebody wants it cancelled
    jobs/<kind>/<resource>/<id>/end.json         how it ended; created once

What several may write is created once, by the first of them; what is written again has one writer. So nothing but
conditional creation is asked of the store. An attempt whose record was not written for the time of a *lease* is that of
a worker that died, and the job is free for the next one. Where clocks differ by more than that, two work on one job: a
handler must bear it, as the builder of a dataset does.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b
from threading import Lock
from typing import Any

import orjson

from gateway.catalog.documents import Documents
from gateway.catalog.store import Store
from gateway.errors import IdempotencyKeyReused, StorageFailed
from gateway.jobs.job import Attempt, End, Job, JobState, Record

LEASE, KEEP = 15.0, 30 * 86_400.0
"""Seconds that an attempt is taken for alive, and that the record of a job stays after its end."""
MOST_LISTED = 100
"""Records of one resource that are listed, the newest first."""
_ORPHAN = 3600.0
"""Seconds after which a mark without a job is one of somebody who was killed."""
_PATH = re.compile(r"(?:open|jobs)/([^/]+)/([^/]+)/([^/]+)(?:/(.+))?")
_ATTEMPT = re.compile(r"attempt-(\d+)")
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker learns when it tells how far it is."""

    cancelling: bool
    lost: bool
    """Another worker has taken the job up, or it has ended."""


class JobStore:
    """Reads and writes the records of jobs. Thread-safe. Raises ``StorageFailed``.

    *clock* tells seconds since the epoch; *lease* and *keep* are in seconds, see ``LEASE`` and ``KEEP``.
    """

    def __init__(
        self,
        open_location: Callable[[], Store],
        *,
        clock: Callable[[], float],
        lease: float = LEASE,
        keep: float = KEEP,
    ) -> None:
        self._open, self._clock, self.lease, self._keep = open_location, clock, lease, keep
        self._lock = Lock()
        self._opened: Documents | None = None

    def submit(
        self,
        kind: str,
        resource: str,
        question: Mapping[str, Any],
        *,
        asked_by: str = "",
        trigger: str = "request",
        key: str | None = None,
    ) -> Record:
        """Note a job; of several with one *key* of one principal there is one. Raises ``IdempotencyKeyReused``."""
        parts = (kind, resource, asked_by, key)
        name = None if key is None else blake2b(repr(parts).encode(), digest_size=16).hexdigest()
        job = self._job(kind, resource, question, trigger, asked_by=asked_by, name=name)
        there = None if key is None else self.find(kind, resource, job.id)
        if there is None:
            documents = self._documents()
            documents.create(f"open/{job.folder}", {}, mode="overwrite")
            if documents.create(f"jobs/{job.folder}/job.json", asdict(job)):
                return Record(job=job)
            there = self.find(kind, resource, job.id)
        if there is None or there.job.digest != job.digest:
            raise IdempotencyKeyReused("This Idempotency-Key was sent with another body: take a new key for it.")
        return there

    def begin(
        self, kind: str, resource: str, question: Mapping[str, Any], *, trigger: str, worker: str, machine: str
    ) -> tuple[Job, Attempt]:
        """Note a job that the caller does itself, and at once: whoever finds it finds it claimed."""
        job = self._job(kind, resource, question, trigger)
        began = job.created_at
        attempt = Attempt(number=1, worker=worker, machine=machine, began_at=began, seen_at=began)
        documents = self._documents()
        documents.create(f"open/{job.folder}", {}, mode="overwrite")
        documents.create(_path(job, attempt), _plain(attempt))
        documents.create(f"jobs/{job.folder}/job.json", asdict(job))
        return job, attempt

    def find(self, kind: str, resource: str, name: str) -> Record | None:
        """Read the record of a job by its id, *name*; None where there is none."""
        if not _ID.fullmatch(name):
            return None
        return self._read(f"jobs/{kind}/{resource}/{name}", self._listed(f"jobs/{kind}/{resource}/{name}"))

    def all(self, kind: str, resource: str, *, most: int = MOST_LISTED) -> list[Record]:
        """Read the records of a resource, the newest first, up to *most*."""
        folders = self._by_folder(f"jobs/{kind}/{resource}")
        created = {folder: names["job.json"] for folder, names in folders.items() if "job.json" in names}
        newest = sorted(created, key=lambda folder: created[folder], reverse=True)[:most]
        found = (self._read(folder, folders[folder]) for folder in newest)
        return sorted((each for each in found if each is not None), key=lambda each: -each.job.created_at)

    def unended(self, kind: str) -> list[Record]:
        """Read the records of the jobs of a kind that have not ended, the oldest first; marks of others are removed."""
        documents, found = self._documents(), list[Record]()
        for path, marked in documents.listed(f"open/{kind}"):
            place = _PATH.fullmatch(path)
            record = None if place is None else self.find(place[1], place[2], place[3])
            if record is not None and record.end is None:
                found.append(record)
            elif record is not None or self._clock() - marked.timestamp() > _ORPHAN:
                documents.remove([path])
        return sorted(found, key=lambda each: each.job.created_at)

    def claim(self, record: Record, *, worker: str, machine: str) -> Attempt | None:
        """Take a job up; None where another worker has. Call it for those that nobody is known to work on."""
        number = record.attempts + 1
        now = self._clock()
        attempt = Attempt(
            number=number, worker=worker, machine=machine, began_at=now, seen_at=now, futile=_futile(record.last)
        )
        if not self._documents().create(_path(record.job, attempt), _plain(attempt)):
            return None
        after = self.find(record.job.kind, record.job.resource, record.job.id)
        return attempt if after is not None and after.end is None else None

    def beat(self, job: Job, attempt: Attempt) -> Beat:
        """Write an attempt again: its worker lives. Its progress is told with it."""
        self._documents().create(_path(job, attempt), _plain(attempt), mode="overwrite")
        names = self._listed(f"jobs/{job.folder}")
        newest = max(_numbers(names), default=0)
        lost = newest > attempt.number or "end.json" in names or "job.json" not in names
        return Beat(cancelling="cancel.json" in names, lost=lost)

    def finish(self, job: Job, end: End) -> bool:
        """Note how a job ended; return False where it had ended before."""
        documents = self._documents()
        created = documents.create(f"jobs/{job.folder}/end.json", asdict(end))
        documents.remove([f"open/{job.folder}"])
        return created

    def cancel(self, record: Record) -> Record:
        """Have a job cancelled: at once where nobody works on it, else soon. Return its record."""
        job = record.job
        self._documents().create(f"jobs/{job.folder}/cancel.json", {"at": self._clock()})
        now = self.find(job.kind, job.resource, job.id) or record
        if now.state is JobState.WAITING:
            self.finish(job, End(state=JobState.CANCELLED, at=self._clock()))
            now = self.find(job.kind, job.resource, job.id) or now
        return now

    def sweep(self, kind: str) -> None:
        """Remove the records of jobs that ended long ago, and with them their idempotency keys."""
        oldest = self._clock() - self._keep
        for folder, names in self._by_folder(f"jobs/{kind}").items():
            ended = names.get("end.json")
            orphan = None if "job.json" in names else max(names.values())
            if any(at is not None and at.timestamp() < oldest for at in (ended, orphan)):
                # The job first: what is left of it when this is cut off is found as an orphan.
                self._documents().remove(
                    f"{folder}/{name}" for name in sorted(names, key=lambda name: name != "job.json")
                )

    def _job(
        self,
        kind: str,
        resource: str,
        question: Mapping[str, Any],
        trigger: str,
        *,
        asked_by: str = "",
        name: str | None = None,
    ) -> Job:
        """Make a job of now, by its *name* or a new one."""
        return Job(
            kind=kind,
            resource=resource,
            id=secrets.token_hex(16) if name is None else name,
            question=question,
            asked_by=asked_by,
            trigger=trigger,
            created_at=self._clock(),
            digest=_digest(question),
        )

    def _read(self, folder: str, names: Mapping[str, datetime]) -> Record | None:
        if "job.json" not in names:
            return None
        document = self._json(f"{folder}/job.json")
        if document is None:
            return None
        numbers = sorted(_numbers(names))
        last = self._attempt(folder, numbers[-1], names) if numbers else None
        end = self._json(f"{folder}/end.json") if "end.json" in names else None
        return Record(
            job=Job(**document),
            attempts=numbers[-1] if numbers else 0,
            last=last,
            cancelling="cancel.json" in names,
            end=None if end is None else End(**end | {"state": JobState(end["state"])}),
            live=last is not None and not last.released and last.seen_at + self.lease > self._clock(),
        )

    def _attempt(self, folder: str, number: int, names: Mapping[str, datetime]) -> Attempt | None:
        name = f"attempt-{number:04}"
        document = self._json(f"{folder}/{name}")
        return None if document is None else Attempt(**document, seen_at=names[name].timestamp())

    def _json(self, path: str) -> dict[str, Any] | None:
        content = self._documents().get(path)
        if content is None:
            return None
        try:
            document: dict[str, Any] = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise StorageFailed(f"{path} is damaged.", path=path) from error
        return document

    def _listed(self, folder: str) -> dict[str, datetime]:
        return self._by_folder(folder).get(folder, {})

    def _by_folder(self, folder: str) -> dict[str, dict[str, datetime]]:
        """List records, by the folder of their job: the name of each document, and when it was written."""
        found: dict[str, dict[str, datetime]] = {}
        for path, at in self._documents().listed(folder):
            parent, _, name = path.rpartition("/")
            found.setdefault(parent, {})[name] = at
        return found

    def _documents(self) -> Documents:
        with self._lock:
            if self._opened is None:
                self._opened = Documents(self._open())
            return self._opened


def _digest(question: Mapping[str, Any]) -> str:
    return blake2b(orjson.dumps(question, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _path(job: Job, attempt: Attempt) -> str:
    return f"jobs/{job.folder}/attempt-{attempt.number:04}"


def _futile(last: Attempt | None) -> int:
    return 0 if last is None or last.advanced or last.released else last.futile + 1


def _plain(attempt: Attempt) -> dict[str, Any]:
    document = asdict(attempt)
    del document["seen_at"]
    return document


def _numbers(names: Mapping[str, datetime]) -> Iterator[int]:
    return (int(found[1]) for name in names if (found := _ATTEMPT.fullmatch(name)) is not None)
