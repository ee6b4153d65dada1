"""The records of jobs in a bucket that hosts share."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.catalog.store import S3Settings, open_store
from gateway.jobs.job import End, JobState
from gateway.jobs.store import JobStore

pytestmark = pytest.mark.s3


def test_hosts_that_share_a_bucket_agree_on_jobs_and_on_who_does_them(s3: Any, tmp_path: Path) -> None:
    settings = S3Settings(
        endpoint=s3.endpoint,
        region=s3.region,
        url_style="path",
        access_key_id=s3.access_key,
        secret_access_key=s3.secret_key,
    )
    location = s3.url(f"jobs-{uuid4().hex}/_jobs")
    hosts = [JobStore(lambda: open_store(location, settings, tmp_path), clock=time.time) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda host: host.submit("build", "a", {"sources": "x"}, key="k"), hosts))
        assert len({each.job.id for each in made}) == 1
        [record] = hosts[0].unended("build")
        taken = list(pool.map(lambda host: host.claim(record, worker="w", machine="m"), hosts))
    [attempt] = [each for each in taken if each is not None]
    assert not hosts[1].beat(record.job, replace(attempt, progress={"built": 1})).lost
    running = hosts[2].find("build", "a", record.job.id)
    assert running is not None
    assert (running.state, running.last and running.last.progress) == (JobState.RUNNING, {"built": 1})
    assert hosts[3].cancel(running).cancelling
    assert hosts[1].beat(record.job, attempt).cancelling
    ends = [host.finish(record.job, End(state=JobState.CANCELLED, at=time.time())) for host in hosts]
    assert ends == [True, False, False, False]
    assert (hosts[0].unended("build"), [each.state for each in hosts[0].all("build", "a")]) == ([], ["cancelled"])
