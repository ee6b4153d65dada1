"""Rewriting one day of a year runs again only the answers that read this day."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from events import DAYS, between, folder_of, make_project, put

from gateway.answer import Answer, Directives
from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import StorageFailed
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.telemetry.events import Event, QueryExecuted, unobserved

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


@pytest.mark.parametrize("control", [True, False])
def test_the_operator_says_whether_callers_may_ask_something_of_the_cache(tmp_path: Path, control: bool) -> None:
    project = make_project(tmp_path, "cache: {ttl: 1h}")
    put(project, range(DAYS), 1)
    settings = load_settings(project, {"GATEWAY_CACHE_CLIENT_CONTROL": str(control).lower()})
    request = Request(query="amount", version=1, parameters=between(0, 7))
    with open_gateway(settings, observe=unobserved, background=False) as gateway:
        details = [
            gateway.answer(request, principal=Principal(), directives=Directives(no_cache=True)).status.detail
            for _ in range(2)
        ]
    assert details == [None, "revalidated" if control else None]


def test_two_callers_of_different_scope_never_share_an_answer(tmp_path: Path) -> None:
    project, events = make_project(tmp_path, "cache: {ttl: 1h}"), list[Event]()
    put(project, range(DAYS), 1)
    request = Request(query="amount", version=1, parameters=between(0, 7))
    scopes = ["", "sales", "finance", "sales"]
    with open_gateway(load_settings(project), observe=events.append, background=False) as gateway:
        answers = [gateway.answer(request, principal=Principal(scope=scope)) for scope in scopes]
    assert [answer.status.hit for answer in answers] == [False, False, False, True]
    assert len({answer.result.key for answer in answers}) == 3


def test_an_engine_s_answers_are_its_own(tmp_path: Path) -> None:
    project = make_project(tmp_path, "cache: {ttl: 1h}")
    put(project, range(DAYS), 1)
    request = Request(query="amount", version=1, parameters=between(0, 7))
    with open_gateway(load_settings(project), observe=unobserved, background=False) as gateway:
        key = gateway.answer(request, principal=Principal()).result.key
        gateway.engine.name = "another"
        assert gateway.explain(request, principal=Principal()).key != key
