"""Rewriting one day of a year runs again only the answers that read this day."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from gateway.app import load_project, open_gateway
from gateway.config import load_settings
from gateway.model import Answer, Principal, Request
from gateway.observe import Event, QueryExecuted
from gateway.pipeline import Gateway
from gateway.writer import Mode, Options, write

FIRST, DAYS, QUESTIONS = date(2013, 1, 1), 365, 1_000
TABLE = """\
table: events
location: warehouse/events
partitioned_by: [{column: day, transform: day, source: ts}]
columns: {ts: TIMESTAMP, amount: BIGINT}
refresh: 1h
"""
QUERY = """\
/*
summary: Amount between two days
parameters:
  start: {type: date}
  end: {type: date}
cache: {ttl: 0s}
*/
SELECT count(*) AS events, sum(amount) AS amount FROM events WHERE ts >= $start AND ts < $end
"""
Range = tuple[int, int]


def make_project(folder: Path) -> Path:
    for name, text in (("catalog/events.yaml", TABLE), ("queries/amount/v1.sql", QUERY)):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    return folder


def put(project: Path, days: range, amount: int) -> None:
    tables, _, _ = load_project(load_settings(project))
    start = datetime.combine(FIRST, datetime.min.time())
    rows = pa.table(
        {
            "ts": pa.array([start + timedelta(days=day, hours=5) for day in days], pa.timestamp("us")),
            "amount": pa.array([amount] * len(days), pa.int64()),
        }
    )
    write(tables["events"], rows, root=project, options=Options(mode=Mode.OVERWRITE_PARTITIONS))


def questions() -> list[Range]:
    every = [(start, end) for start in range(DAYS) for end in range(start + 1, min(start + 31, DAYS) + 1)]
    return random.Random(4).sample(every, QUESTIONS)


def ask(gateway: Gateway, span: Range) -> Answer:
    start, end = (FIRST + timedelta(days=day) for day in span)
    request = Request(query="amount", version=1, parameters={"start": str(start), "end": str(end)})
    return gateway.answer(request, principal=Principal())


def test_of_a_thousand_answers_only_those_that_read_the_rewritten_day_run_again(tmp_path: Path) -> None:
    project, events = make_project(tmp_path), list[Event]()
    put(project, range(DAYS), 1)
    rewritten, spans = 200, questions()
    touched = [span for span in spans if span[0] <= rewritten < span[1]]
    assert 10 < len(touched) < QUESTIONS / 2

    def executions() -> int:
        return sum(isinstance(event, QueryExecuted) for event in events)

    with open_gateway(load_settings(project), observe=events.append, background=False) as gateway:
        for span in spans:
            ask(gateway, span)
        assert executions() == QUESTIONS

        put(project, range(rewritten, rewritten + 1), 10)
        gateway.catalog.refresh("events", [f"day={FIRST + timedelta(days=rewritten)}"])
        answers = {span: ask(gateway, span) for span in spans}

    assert executions() == QUESTIONS + len(touched)
    run_again = [span for span, answer in answers.items() if not answer.status.hit]
    assert run_again == touched
    assert {span: answer.result.table["amount"][0].as_py() for span, answer in answers.items()} == {
        (start, end): end - start + (9 if start <= rewritten < end else 0) for start, end in spans
    }
