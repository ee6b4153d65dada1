"""Rewriting one day of a year runs again only the answers that read this day."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from events import DAYS, between, folder_of, make_project, put

from gateway.app import open_gateway
from gateway.config import load_settings
from gateway.errors import StorageFailed
from gateway.model import Answer, Principal, Request
from gateway.observe import Event, QueryExecuted, unobserved
from gateway.pipeline import Gateway

QUESTIONS = 1_000
Range = tuple[int, int]


def questions() -> list[Range]:
    every = [(start, end) for start in range(DAYS) for end in range(start + 1, min(start + 31, DAYS) + 1)]
    return random.Random(4).sample(every, QUESTIONS)


def ask(gateway: Gateway, span: Range) -> Answer:
    return gateway.answer(Request(query="amount", version=1, parameters=between(*span)), principal=Principal())


def test_of_a_thousand_answers_only_those_that_read_the_rewritten_day_run_again(tmp_path: Path) -> None:
    project, events = make_project(tmp_path, "cache: {ttl: 0s}"), list[Event]()
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

        put(project, [rewritten], 10)
        gateway.catalog.refresh("events", [folder_of(rewritten)])
        answers = {span: ask(gateway, span) for span in spans}

    assert executions() == QUESTIONS + len(touched)
    run_again = [span for span, answer in answers.items() if not answer.status.hit]
    assert run_again == touched
    assert {span: answer.result.table["amount"][0].as_py() for span, answer in answers.items()} == {
        (start, end): end - start + (9 if start <= rewritten < end else 0) for start, end in spans
    }


def test_default_rows_answer_while_there_is_nothing_and_go_when_there_is(tmp_path: Path) -> None:
    project = make_project(tmp_path, "default: [{events: 0, amount: null}]")
    with open_gateway(load_settings(project), observe=unobserved, background=False) as gateway:
        answer = ask(gateway, (0, 7))
        assert answer.result.table.to_pylist() == [{"events": 0, "amount": None}]
        assert (answer.status.default, answer.status.detail) == (True, "default; storage-failed")
    put(project, range(DAYS), 1)
    with open_gateway(load_settings(project), observe=unobserved, background=False) as gateway:
        gateway.catalog.refresh("events")
        answer = ask(gateway, (0, 7))
        assert (answer.status.default, answer.result.table["events"].to_pylist()) == (False, [7])


def test_without_default_rows_the_error_is_the_answer(tmp_path: Path) -> None:
    project = make_project(tmp_path, "cache: {ttl: 1m}")
    with (
        open_gateway(load_settings(project), observe=unobserved, background=False) as gateway,
        pytest.raises(StorageFailed),
    ):
        ask(gateway, (0, 7))
