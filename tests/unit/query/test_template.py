from __future__ import annotations

from datetime import date, datetime

import pytest

from gateway.errors import TemplateInvalid
from gateway.model import CachePolicy, TypedValue
from gateway.query.template import Template

DELAYS = """/*
summary: Mean departure delay per carrier
owner: ops-analytics
tags: [flights]
parameters:
  start: {type: timestamp, bucket: 1h, description: first hour, inclusive: no}
  carriers: {type: list[varchar], optional: true}
  most: {type: decimal(5,2), default: 9.5}
cache: {ttl: 5m, stale_while_revalidate: 1h, stale_if_error: 1d}
timeout: 10s
examples:
  - {start: 2013-01-01, carriers: [AA]}
deprecated: 2026-01-31
successor: v2
*/
SELECT carrier, avg(dep_delay) AS mean_delay -- minutes
FROM Flights
WHERE time_hour >= $start AND ($carriers IS NULL OR carrier IN $carriers) AND dep_delay < $most
GROUP BY carrier; -- the end
""".replace(", inclusive: no", "")


def load(text: str) -> Template:
    return Template.load(text, path="queries/q/v1.sql", name="q", version=1, tables=["flights", "weather"])


def mistakes(text: str) -> list[str]:
    with pytest.raises(TemplateInvalid) as caught:
        load(text)
    return [str(item).removeprefix("queries/q/v1.sql:") for item in caught.value.diagnostics]


def with_front(front: str, sql: str = "SELECT carrier FROM flights") -> str:
    return f"/*\nsummary: x\n{front}\n*/\n{sql}\n"


def test_a_template_knows_what_its_front_matter_says() -> None:
    template = load(DELAYS)
    assert (template.front.summary, template.front.owner, template.front.tags) == (
        "Mean departure delay per carrier",
        "ops-analytics",
        ["flights"],
    )
    assert template.unbound.cache == CachePolicy(ttl=300, stale_while_revalidate=3600, stale_if_error=86400)
    assert (template.unbound.timeout, template.front.deprecated, template.front.successor) == (
        10,
        date(2026, 1, 31),
        "v2",
    )
    assert template.examples == ({"start": "2013-01-01", "carriers": ["AA"]},)


def test_a_template_knows_what_its_sql_reads() -> None:
    template = load(DELAYS)
    assert template.tables == ("flights",)


def test_types_with_brackets_need_no_quotes_in_a_flow_mapping() -> None:
    types = [parameter.type.sql for parameter in load(DELAYS).parameters.values()]
    assert types == ["TIMESTAMP", "VARCHAR[]", "DECIMAL(5,2)"]


def test_the_sql_is_the_text_after_the_front_matter_up_to_its_last_token() -> None:
    template = load(DELAYS)
    lines = DELAYS.split("\n")
    assert template.sql.startswith("\nSELECT carrier, avg(dep_delay) AS mean_delay -- minutes\nFROM Flights\n")
    assert template.sql.endswith("GROUP BY carrier")
    assert lines[template.body_line - 1] == "*/"


def test_a_front_matter_may_stand_on_one_line() -> None:
    assert load("/* summary: x */ SELECT carrier FROM flights").front.summary == "x"


def test_a_request_binds_typed_rounded_and_default_values() -> None:
    query = load(DELAYS).bind({"start": ["2013-01-01T05:59"]}, textual=True)
    assert query.parameters["start"] == TypedValue(value=datetime(2013, 1, 1, 5), type="TIMESTAMP")
    assert query.parameters["carriers"] == TypedValue(value=None, type="VARCHAR[]")
    assert str(query.parameters["most"].value) == "9.50"
    assert query.tables == ("flights",)


def test_a_query_can_be_bound_to_nothing() -> None:
    query = load(DELAYS).bound_to_nothing()
    assert {item.value for item in query.parameters.values()} == {None}


def test_every_mistake_has_its_place_in_the_file() -> None:
    text = (
        "/*\nsumary: x\ncache: {tll: 5m, clock: -1s}\nparameters:\n  a: {type: list[varchar], optonal: true}\n"
        "  b: {type: decimal(10,2), min: x}\n  C: {type: nope}\n*/\nSELECT $a, $b, $C, getenv('x')\n"
        "FROM flihgts WHERE $z\n"
    )
    assert [line.split(": ", 1)[0] for line in mistakes(text)] == [
        "2:1",
        "3:9",
        "3:18",
        "5:28",
        "6:28",
        "7:7",
        "9:20",
        "10:6",
        "10:20",
    ]


def test_a_misspelt_key_is_suggested() -> None:
    assert "2:1: unknown key 'sumary' (did you mean 'summary'?)" in mistakes("/*\nsumary: x\n*/\nSELECT 1")


def test_a_misspelt_key_of_a_parameter_is_suggested() -> None:
    [found] = mistakes(with_front("parameters:\n  a: {type: date, optonal: true}", "SELECT $a"))
    assert found == "4:19: unknown key 'optonal' (did you mean 'optional'?)"


def test_a_mistake_on_the_line_of_the_opening_comment_has_its_column() -> None:
    assert mistakes("/* sumary: x */ SELECT 1")[-1].startswith("1:4: unknown key 'sumary'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the front matter is missing"),
        ("SELECT 1", "1:1: the front matter is missing"),
        ("-- x\n/*\nsummary: x\n*/ SELECT 1", "1:1: the front matter is missing"),
        ("\n /* summary: x", "2:2: the front matter never ends"),
        ("/*\nsummary: a /* b\n*/ SELECT 1", "1:1: the front matter never ends"),
        ("/*\nsummary: [x\n*/ SELECT 1", "2:10: the [ that opens here is not closed"),
        ("/*\nsummary: x\nsummary: y\n*/ SELECT 1", "3:1: the key 'summary' stands twice"),
        ("/*\n- x\n*/ SELECT 1", "2:1: the document: write keys and their values"),
        (with_front("", ""), "4:3: there is no query"),
        (with_front("parameters:\n  b: {type: date}"), "4:3: the query does not use the parameter b"),
        (with_front("parameters:\n  B: {type: date}", "SELECT $B"), "4:3: 'B' cannot name a parameter"),
        (with_front("parameters:\n  _b: {type: date}", "SELECT $_b"), "4:3: '_b' cannot name a parameter"),
        (with_front("cache: {clock: 1m}"), "3:9: cache.clock is declared, but the query reads no clock"),
        (with_front("", "SELECT now()"), "2:1: the query reads the clock"),
        (with_front("cache: {ttl: 1m}", "SELECT current_date"), "3:1: the query reads the clock"),
        (with_front("", "SELECT random()"), "2:1: the query gives another answer each time"),
        (with_front("", "SELECT * FROM flights USING SAMPLE 3"), "2:1: the query gives another answer each time"),
        (with_front("deterministic: 1"), "3:1: deterministic: write true or false"),
        (with_front("deterministic: 'yes'"), "3:1: deterministic: write true or false"),
        (
            with_front("deterministic: true\ncache: off", "SELECT random()"),
            "3:1: the query gives another answer each time (random, 6:8), so it cannot be deterministic",
        ),
        (
            with_front("deterministic: true\ncache: off", "SELECT now()"),
            "3:1: the query reads the clock to the microsecond (now, 6:8), so it cannot be deterministic",
        ),
        (with_front("timeout: 0s"), "3:1: timeout: input should be greater than 0"),
        (with_front("timeout: soon"), "3:1: timeout: 'soon' is not a duration"),
        (with_front("successor: 2"), "3:1: successor: is not a text: put it in quotes"),
        (with_front("successor: x"), "3:1: successor: string should match pattern"),
        (with_front("deprecated: 2026-02-01\nsunset: 2026-01-01"), "4:1: sunset is before deprecated"),
        (with_front("examples:\n- {b: 1}"), "4:4: example 1: b is not a parameter of this query"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, expected: str) -> None:
    assert mistakes(text)[0].startswith(expected)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT age(d, e),\n now() FROM flights", "reads the clock (now, 6:2)"),
        ("SELECT age(d) FROM flights", "reads the clock (age, 5:8)"),
        ("SELECT age(greatest(d, e)) FROM flights", "reads the clock (age, 5:8)"),
        ("SELECT age(d, [today(), e][1]) FROM flights", "reads the clock (today, 5:16)"),
        ("SELECT now(), random() FROM flights", "gives another answer each time (random, 5:15)"),
    ],
)
def test_what_keeps_answers_from_being_kept_is_named_with_its_place(sql: str, named: str) -> None:
    assert named in mistakes(with_front("", sql))[0]


@pytest.mark.parametrize("front", ["", "cache: {clock: 1m}", "deterministic: true"])
def test_the_age_between_two_times_reads_no_clock(front: str) -> None:
    unbound = load(with_front(front, 'SELECT age(d, [e, d][1]), "AGE"(greatest(d, e), d) FROM flights')).unbound
    assert unbound.normalised


@pytest.mark.parametrize(
    "written", [":b", "{{ b }}", "'{{b}}'", "{b}", "'{b}'", "@b", "':b'", "'$b'", "[[b]]", "'%(b)s'", "'${b}'"]
)
def test_a_parameter_that_is_written_as_elsewhere_is_shown_as_it_is_written_here(written: str) -> None:
    template = with_front("parameters:\n  b: {type: date}", f"SELECT carrier FROM flights WHERE carrier >= {written}")
    assert mistakes(template)[0].endswith(f"(write $b in the query instead of {written})")


def test_examples_are_read_like_a_request() -> None:
    front = "parameters:\n  day: {type: date}\nexamples:\n  - {day: 2013-01-01}\n  - {}\n  - {day: x}"
    assert mistakes(with_front(front, "SELECT $day")) == [
        "7:5: example 2: day is missing: a date is required",
        "8:6: example 3: day 'x' is not a date such as 2013-01-31",
    ]


def test_a_cache_can_be_off() -> None:
    assert load(with_front("cache: off", "SELECT random()")).unbound.cache.enabled is False


def test_a_query_of_the_rounded_clock_can_be_deterministic() -> None:
    assert load(with_front("deterministic: true\ncache: {clock: 1m}", "SELECT now()")).unbound.deterministic


def test_a_query_of_the_clock_names_its_bucket() -> None:
    template = load(with_front("cache: {clock: 1m}", "SELECT now()"))
    assert template.unbound.cache.clock == 60


def test_a_default_is_checked_at_load() -> None:
    [found] = mistakes(with_front("parameters:\n  a: {type: date, default: noon}", "SELECT $a"))
    assert found == "4:19: parameters.a.default: 'noon' is not a date such as 2013-01-31"


def test_what_is_prepared_ahead_is_the_examples_sets_of_parameters_or_what_was_asked_lately() -> None:
    head = "parameters: {n: {type: integer}}\nexamples: [{n: 1}]\n"
    sql = "SELECT carrier FROM flights LIMIT $n"
    assert load(with_front(f"{head}warm: true", sql)).warm_sets == ({"n": 1},)
    assert load(with_front(f"{head}warm: [{{n: 2}}, {{n: 3}}]", sql)).warm_sets == ({"n": 2}, {"n": 3})
    recent = load(with_front(f"{head}warm: {{recent: 50}}", sql))
    assert (recent.warm_sets, recent.front.warm.recent) == ((), 50)
    assert load(with_front(head, sql)).warm_sets == ()


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("parameters: {n: {type: integer}}\nwarm: [{n: 1}, {n: x}]", "4:17: warm set 2: n 'x' is not"),
        ("warm: {recent: 2000}", "3:8: warm.recent: input should be less than or equal to 1000"),
        ("warm: {resent: 5}", "unknown key 'resent'"),
        ("cache: off\nwarm: [{}]", "4:1: answers that are not kept cannot be prepared ahead"),
    ],
)
def test_what_cannot_be_prepared_ahead_is_told(front: str, expected: str) -> None:
    limit = " LIMIT $n" if "parameters" in front else ""
    assert any(expected in mistake for mistake in mistakes(with_front(front, f"SELECT carrier FROM flights{limit}")))


def test_default_rows_are_part_of_the_bound_query() -> None:
    template = load(with_front("default:\n  - {day: 2013-01-01, n: 1}\n  - {day: null, n: 2.5}"))
    assert template.bind({}).default == ({"day": date(2013, 1, 1), "n": 1}, {"day": None, "n": 2.5})
    assert load(with_front("")).bind({}).default is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("[{n: 1}, {m: 2}]", "row 2 has other columns than the first (expected: n)"),
        ("[{n: 1}, {n: x}]", "3:20: row 2: n does not fit"),
        ("[{n: [1]}]", "row 1: n does not fit"),
        ("[{n: 9223372036854775808}]", "row 1: n does not fit"),
        ("[{}]", "row 1 has other columns"),
        ("[]", "at least 1 item"),
    ],
)
def test_default_rows_must_be_a_table(rows: str, expected: str) -> None:
    assert any(expected in mistake for mistake in mistakes(with_front(f"default: {rows}")))
