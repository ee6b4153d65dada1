"""The page of a query as a browser without scripts uses it: its form answers with a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from sites import OneKey

from gateway.access.limits import Unlimited
from gateway.errors import QueueFull, QuotaExceeded
from gateway.model import Principal
from gateway.query.registry import Registry
from gateway.query.template import Template

PAGE = "/docs/delays/v2?_form=1&start=2013-01-01&carriers=UA%0D%0ADL"


def test_a_form_is_answered_with_a_table_below_what_was_filled_in(client: FlaskClient, gateway: Any) -> None:
    text = client.get(PAGE).text
    assert gateway.asked[-1].parameters == {"start": ["2013-01-01"], "carriers": ["UA", "DL"]}
    assert '<div class="plain">' in text
    assert ">UA\nDL</textarea>" in text


WORDS = """/*
summary: Words
parameters:
  word: {type: varchar, optional: true}
  code: {type: varchar, optional: true, min_length: 2}
  kind: {type: varchar, optional: true, choices: ["", a, b]}
  unit: {type: varchar, default: km, choices: [km, mi]}
  since: {type: date, default: 2013-01-01}
  tags: {type: "list[varchar]", default: [x, "[y"]}
*/
SELECT carrier FROM flights
WHERE carrier IN ($word, $code, $kind, $unit) OR carrier IN $tags OR time_hour >= $since"""


@pytest.fixture
def words(client: FlaskClient, gateway: Any) -> FlaskClient:
    loaded = Template.load(WORDS, path="queries/words/v1.sql", name="words", version=1, tables={"flights"})
    gateway.registry = Registry.of([loaded])
    return client


def test_a_field_that_is_empty_says_what_is_asked_then(words: FlaskClient) -> None:
    text = words.get("/docs/words/v1").text
    assert re.findall(r"\(not given: (.*?)\)", text) == ["km", "2013-01-01", "x, [y"]
    assert '<option value="">default: km</option>' in text
    assert 'placeholder="2013-01-01"' in text
    assert 'placeholder="x, [y"' in text


def test_an_empty_text_can_be_asked_for_where_it_is_a_value(words: FlaskClient, gateway: Any) -> None:
    text = words.get("/docs/words/v1").text
    assert re.findall(r'name="(\w+)" value="" data-empty', text) == ["word", "kind", "tags"]
    assert re.findall(r'<option value="(.*?)"', text.partition("</form>")[0]) == ["", "a", "b", "", "km", "mi"]
    forms = {"word=&word=": {"word": [""]}, "word=": {}, "word=a&word=": {"word": ["a"]}, "kind=&kind=": {"kind": [""]}}
    forms |= {"tags=": {}, "tags=&tags=": {"tags": [""]}, "tags=a%0D%0Ab&tags=": {"tags": ["a", "b", ""]}}
    for sent, parameters in forms.items():
        page = words.get(f"/docs/words/v1?_form=tags&{sent}").text
        assert gateway.asked[-1].parameters == parameters, sent
        checked = {name for name in parameters if "" in parameters[name]}
        assert set(re.findall(r'name="(\w+)" value="" data-empty(?: data-list)? checked', page)) == checked, sent


@pytest.mark.parametrize("item", ["[", "[a", "[1, 2]", '["a"]', "[]", "]", "{}", '"a"', "null", "a,b", "-", "&", "\\"])
def test_an_item_of_a_list_is_asked_for_as_it_was_typed(words: FlaskClient, gateway: Any, item: str) -> None:
    page = words.get("/docs/words/v1", query_string={"_form": "tags", "tags": f"{item}\r\nb", "word": item}).text
    asked = gateway.asked[-1]
    bound = gateway.registry.bind(asked).parameters
    assert (bound["tags"].value, bound["word"].value) == ([item, "b"], item)
    again = words.get("/docs/words/v1", query_string=urlencode(asked.parameters, doseq=True)).text
    for shown in (page, again):
        assert f">{escape(item)}\nb</textarea>" in shown


def test_a_page_that_was_not_asked_runs_nothing(client: FlaskClient, gateway: Any) -> None:
    assert client.get("/docs/delays/v2?start=2013-01-01&_view=table&_sort=-flights").status_code == 200
    assert gateway.asked == []


SHARED = "/docs/delays/v2?start=2013-01-01&carriers=%5B%22%5Ba%22%5D&carriers=U%26A&_view=chart"


def unscripted(page: str) -> str | None:
    """Return the address that a page leads a browser without scripts to."""
    found = re.search(r'<noscript><meta http-equiv="refresh" content="0; url=(.*?)"></noscript>', page)
    return None if found is None else unescape(found[1])


def test_a_browser_without_scripts_opens_what_an_address_asks_where_that_is_cheap(
    client: FlaskClient, gateway: Any
) -> None:
    led = unscripted(client.get(SHARED).text)
    assert (led, gateway.asked) == (f"{SHARED}&_plain=1", [])
    answered = client.get(led).text
    assert gateway.asked[-1].parameters == {"start": ["2013-01-01"], "carriers": ['["[a"]', "U&A"]}
    assert ('<div class="plain">' in answered, unscripted(answered)) == (True, None)
    assert '<a href="#form">Ask something else</a> · <a href="/docs">All queries</a>' in answered
    assert ">[a\nU&amp;A</textarea>" in answered


def test_a_browser_without_scripts_is_told_what_would_be_read_where_that_is_much(
    client: FlaskClient, gateway: Any
) -> None:
    gateway.size = 65 * 2**20
    told = client.get(f"{SHARED}&_plain=1").text
    assert (gateway.asked, '<div class="plain">' in told) == ([], False)
    assert "Reads 65.0 MiB, 7 of 365 partitions; 1 of them is kept as partials; less than a second." in told
    assert 'value="2013-01-01"' in told


def test_a_page_that_asks_nothing_leads_nowhere_and_mistakes_are_told(client: FlaskClient) -> None:
    for path in ("/docs/delays/v2", "/docs/delays/v2?_view=chart"):
        assert unscripted(client.get(path).text) is None
    assert unscripted(client.get("/docs/delays/v1?_view=table").text) == "/docs/delays/v1?_view=table&_plain=1"
    refused = client.get("/docs/delays/v2?start=soon&_plain=1")
    assert (refused.status_code, "is not a date" in refused.text) == (422, True)


def test_what_is_wrong_is_told_on_the_page(client: FlaskClient) -> None:
    refused = client.get("/docs/delays/v2?_form=1&start=soon&top=10&colour=red")
    assert (refused.status_code, refused.mimetype) == (422, "text/html")
    assert 'id="e-start" class="wrong">&#39;soon&#39; is not a date' in refused.text
    assert "<p>colour " in refused.text
    assert 'value="soon"' in refused.text


@pytest.mark.parametrize("failure", [QueueFull("Later.", retry_after=3), QuotaExceeded("Later.", retry_after=3)])
def test_a_page_says_when_to_try_again(client: FlaskClient, gateway: Any, failure: Exception) -> None:
    gateway.failure = failure
    refused = client.get(PAGE)
    assert (refused.headers["Retry-After"], "Later." in refused.text) == ("3", True)


class Spent(Unlimited):
    """Nobody may ask anything more."""

    def admit(self, principal: Principal) -> Mapping[str, str]:
        raise QuotaExceeded("Later.", retry_after=3)


def test_a_form_counts_as_a_request_and_the_page_itself_does_not(make_site: Callable[..., FlaskClient]) -> None:
    client = make_site(limits=Spent())
    assert client.get("/docs/delays/v2?start=2013-01-01").status_code == 200
    for asked in (PAGE, f"{SHARED}&_plain=1"):
        assert client.get(asked).status_code == 429


def test_an_embedded_page_has_no_frame_of_the_site(client: FlaskClient) -> None:
    embedded = client.get("/docs/delays/v2?start=2013-01-01&_embed").text
    assert ('<header class="bar">' in embedded, 'id="answer"' in embedded) == (False, True)


@pytest.mark.parametrize(
    ("given", "embedded"),
    [
        ("_embed", True),
        ("_embed=1", True),
        ("_embed=", True),
        ("_embed=0", False),
        ("_embed=False", False),
        ("", False),
    ],
)
def test_an_embedded_page_may_be_told_not_to_be_one(client: FlaskClient, given: str, embedded: bool) -> None:
    page = client.get(f"/docs/delays/v2?start=2013-01-01&{given}").text
    assert ('class="embedded"' in page) == embedded


def test_an_address_that_lacks_a_parameter_says_so_and_is_not_run(client: FlaskClient, gateway: Any) -> None:
    page = client.get("/docs/delays/v2?start=2013-01-01&_without=carriers,other").text
    assert "and has not asked anything: carriers." in page
    assert (unscripted(page), gateway.asked, 'value="2013-01-01"' in page) == (None, [], True)


def test_what_draws_charts_is_loaded_ahead_only_where_one_is_drawn(client: FlaskClient) -> None:
    for asked, count in (("start=2013-01-01&_view=chart", 2), ("_view=chart", 0), ("start=2013-01-01", 0)):
        answer = client.get(f"/docs/delays/v2?{asked}")
        assert (answer.status_code, answer.text.count(".min.")) == (200, count), asked


def test_an_unknown_option_is_refused(client: FlaskClient) -> None:
    assert client.get("/docs/delays/v2?_sorted=x").status_code == 400


@pytest.mark.parametrize(
    "asked", ["", "?start=2013-01-01&carriers=%C3%A9+%26&carriers=b%20c&_view=chart", "?x=%5B%5D\u00e9"]
)
@pytest.mark.parametrize("path", ["/docs/delays", "/docs/delays/"])
def test_a_name_alone_leads_to_its_newest_version_with_what_is_asked(
    client: FlaskClient, path: str, asked: str
) -> None:
    led = client.get(path + asked)
    sent = asked.replace("\u00e9", "%C3%A9")
    assert (led.status_code, led.headers["Location"]) == (302, f"/docs/delays/v2{sent}")
    assert led.headers["Cache-Control"] == "no-cache"


def test_a_name_alone_that_is_no_query_is_answered_as_with_a_version(client: FlaskClient) -> None:
    for path in ("/docs/delay", "/docs/delay/v1", "/docs/delay/latest"):
        refused = client.get(path)
        assert (refused.status_code, refused.json["suggestions"]) == (404, ["delays"]), path
    page = client.get("/docs/delay", headers={"Accept": "text/html"}).text
    assert 'Did you mean <a href="/docs/delays">delays</a>' in page


def test_a_name_that_may_not_be_seen_leads_nowhere(make_site: Callable[..., FlaskClient]) -> None:
    assert make_site(access=OneKey()).get("/docs/delays").status_code == 401


def test_a_key_leads_back_to_what_was_asked(make_site: Callable[..., FlaskClient]) -> None:
    guarded = make_site(access=OneKey())
    asked = "/docs/delays/v2?start=2013-01-01&_view=table"
    assert f'value="{asked.replace("&", "&amp;")}"' in guarded.get(asked).text
    assert guarded.post("/docs/key", data={"key": "k", "next": asked}).headers["Location"] == asked
