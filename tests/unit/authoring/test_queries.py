"""What a check says of a query over the columns of its tables, without any data."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from gateway.authoring.checked import check_project
from gateway.cli.formats import as_text
from gateway.errors import Diagnostic, Rule, Severity
from gateway.project.loader import load_project

FLIGHTS = """table: flights
location: data/flights
columns: {time_hour: TIMESTAMP, origin: VARCHAR, carrier: VARCHAR, dep_delay: SMALLINT}
partitioned_by:
  - {column: day, transform: day, source: time_hour}
"""
AIRLINES = "table: airlines\nlocation: data/airlines\ncolumns: {carrier: VARCHAR, name: VARCHAR}\n"
FRONT = """/*
summary: x
owner: me
parameters:
  start: {type: timestamp, description: first hour}
  end: {type: timestamp, optional: true, description: first hour left out}
examples:
  - {start: 2013-01-01}
*/
"""
FILTER = "time_hour >= $start AND ($end IS NULL OR time_hour < $end)"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "catalog/flights.yaml", FLIGHTS)
    write(tmp_path, "catalog/airlines.yaml", AIRLINES)
    return tmp_path


def write(project: Path, place: str, text: str) -> None:
    path = project / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def found(project: Path, sql: str, front: str = FRONT) -> list[Diagnostic]:
    write(project, "queries/q/v1.sql", front + sql)
    return list(check_project(project, load_project(project)).diagnostics)


def told(project: Path, sql: str, front: str = FRONT) -> list[str]:
    """Show a query's mistakes as lines of a terminal, without the verdict."""
    write(project, "queries/q/v1.sql", front + sql)
    text = as_text(
        check_project(project, load_project(project)), project, Console(soft_wrap=True, no_color=True, highlight=False)
    )
    return text.splitlines()[:-1]


def test_a_query_that_is_right_has_nothing_to_be_told(project: Path) -> None:
    assert found(project, f"SELECT carrier, avg(dep_delay) AS delay FROM flights WHERE {FILTER} GROUP BY carrier") == []


def test_an_unknown_column_is_shown_with_the_nearest_one(project: Path) -> None:
    assert told(project, f"SELECT origin,\n       carier\nFROM flights WHERE {FILTER}") == [
        "queries/q/v1.sql:11:8: there is no column 'carier' here",
        "           carier",
        "           ^",
        "    did you mean 'carrier'?",
    ]


def test_all_unknown_columns_of_a_query_are_told_at_once(project: Path) -> None:
    mistakes = found(project, f"SELECT carier, f.orign, dep_dela FROM flights AS f WHERE {FILTER}")
    assert [(item.column, item.rule) for item in mistakes] == [
        (8, Rule.UNKNOWN_COLUMN),
        (16, Rule.UNKNOWN_COLUMN),
        (25, Rule.UNKNOWN_COLUMN),
    ]


def test_the_place_counts_characters_not_bytes(project: Path) -> None:
    [mistake] = found(project, f"SELECT 'né à Orly' AS é, carier FROM flights WHERE {FILTER}")
    assert mistake.column == 26


def test_a_mistake_on_the_line_where_the_front_matter_ends_has_its_column(project: Path) -> None:
    front = FRONT.rstrip("\n")
    [mistake] = found(project, f" SELECT carier FROM flights WHERE {FILTER}", front)
    assert (mistake.line, mistake.column) == (9, 11)


@pytest.mark.parametrize(
    ("sql", "message", "hint"),
    [
        (
            "SELECT g.carrier FROM flights AS f",
            "there is no table or alias 'g' here",
            "tables here with a similar name: f",
        ),
        (
            "SELECT carrier FROM flights, airlines",
            "the column 'carrier' is in several tables",
            "write flights.carrier or airlines.carrier",
        ),
        (
            "SELECT carrier + 1 AS n FROM flights",
            "+ cannot be applied to VARCHAR, INTEGER",
            "cast one side, e.g. CAST(… AS INTEGER)",
        ),
        (
            "SELECT carrier, count(*) AS n FROM flights",
            "the column 'carrier' is neither grouped nor aggregated",
            "add it to GROUP BY, or write any_value(carrier) where its exact value does not matter",
        ),
        (
            "SELECT name FROM flights JOIN airlines USING (carier)",
            "the left side of the join has no column 'carier'",
            "did you mean 'carrier'?",
        ),
        ("SELECT * EXCLUDE (foo) FROM airlines", "there is no column 'foo' to exclude", None),
    ],
)
def test_what_the_engine_refuses_is_said_in_plain_words(
    project: Path, sql: str, message: str, hint: str | None
) -> None:
    front = "/*\nsummary: x\nowner: me\nexamples: [{}]\n*/\n"
    [mistake] = [item for item in found(project, sql, front) if item.severity is Severity.ERROR]
    assert (mistake.message, mistake.hint, mistake.line) == (message, hint, 6)


def test_columns_without_a_name_or_with_one_name_twice_are_refused(project: Path) -> None:
    mistakes = found(project, f"SELECT count(*), max(origin) AS n, min(origin) AS N FROM flights WHERE {FILTER}")
    assert [(item.column, item.rule) for item in mistakes] == [(8, Rule.UNNAMED_COLUMN), (36, Rule.SAME_COLUMN)]


def test_a_star_and_a_limit_without_order_are_warned_of(project: Path) -> None:
    warnings = found(project, f"SELECT * FROM flights WHERE {FILTER} LIMIT 3")
    assert [(item.rule, item.severity) for item in warnings] == [
        (Rule.SELECT_STAR, Severity.WARNING),
        (Rule.UNORDERED_LIMIT, Severity.WARNING),
    ]


def test_a_filter_of_an_optional_parameter_is_none(project: Path) -> None:
    [note] = found(project, "SELECT carrier, $start AS since FROM flights WHERE $end IS NULL OR time_hour < $end")
    assert (note.severity, note.message) == (
        Severity.NOTE,
        "every partition of flights is read where only the required parameters are given",
    )


def test_a_table_that_requires_a_filter_must_get_one_from_required_parameters(project: Path) -> None:
    write(project, "catalog/flights.yaml", FLIGHTS + "limits: {require_filter: [day]}\n")
    [mistake] = found(project, "SELECT carrier, $start AS s FROM flights WHERE $end IS NULL OR time_hour < $end")
    assert (mistake.severity, mistake.rule, mistake.column) == (Severity.ERROR, Rule.UNPRUNED, 34)
    assert mistake.hint is not None
    assert "asks for nothing while its parameter is left out" in mistake.hint


def test_the_filter_that_a_table_requires_may_stand_on_its_source(project: Path) -> None:
    write(project, "catalog/flights.yaml", FLIGHTS + "limits: {require_filter: true}\n")
    assert found(project, f"SELECT carrier FROM flights WHERE {FILTER}") == []


def test_a_table_whose_columns_are_not_known_is_named(project: Path) -> None:
    write(project, "catalog/airlines.yaml", "table: airlines\nlocation: data/airlines\n")
    [note] = found(project, "SELECT nmae, $start AS a, $end AS b FROM airlines")
    assert (note.severity, note.rule) == (Severity.NOTE, Rule.UNKNOWN_SCHEMA)


def test_incomplete_front_matter_is_one_warning(project: Path) -> None:
    [warning] = found(project, "SELECT $n AS n", "/*\nsummary: x\nparameters: {n: {type: integer}}\n*/\n")
    assert warning.message == "the front matter lacks owner, examples and a description of n"


def test_a_value_that_only_stands_for_a_parameter_is_not_blamed(project: Path) -> None:
    front = "/*\nsummary: x\nparameters: {unit: {type: varchar, description: d}}\n*/\n"
    rules = {item.rule for item in found(project, "SELECT date_trunc($unit, TIMESTAMP '2013-01-01') AS t", front)}
    assert rules == {Rule.INCOMPLETE}


def test_an_owner_that_nobody_declared_is_refused_where_owners_are_declared(project: Path) -> None:
    write(project, "catalog/owners.yaml", "owners:\n  fleet: {}\n  ops: {contact: '#ops'}\n")
    front = FRONT.replace("owner: me", "owner: flet")
    [mistake] = found(project, f"SELECT carrier FROM flights WHERE {FILTER}", front)
    assert (mistake.line, mistake.message, mistake.hint) == (3, "nobody is declared as 'flet'", "did you mean 'fleet'?")
    assert check_project(project, load_project(project)).tables == 2


def test_an_owner_of_a_table_that_nobody_declared_is_refused_where_owners_are_declared(project: Path) -> None:
    front = FRONT.replace("owner: me", "owner: fleet")
    flights = (project / "catalog/flights.yaml").read_text()
    sql = f"SELECT carrier FROM flights WHERE {FILTER}"
    write(project, "catalog/owners.yaml", "owners:\n  fleet: {}\n  ops: {contact: '#ops'}\n")
    assert found(project, sql, front) == []
    write(project, "catalog/flights.yaml", flights + "owner: op\n")
    [mistake] = found(project, sql, front)
    assert (mistake.place, mistake.message) == (
        f"catalog/flights.yaml:{flights.count(chr(10)) + 1}:1",
        "nobody is declared as 'op'",
    )
    assert (mistake.hint, mistake.rule) == ("did you mean 'ops'?", Rule.OWNER)
    write(project, "catalog/flights.yaml", flights + "owner: ops\n")
    assert found(project, sql, front) == []


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ("deprecated: 2001-01-01\nsunset: 2001-01-02\nsuccessor: v2", "the version is refused since 2001-01-02"),
        ("deprecated: 2999-01-01\nsunset: 2999-01-09\nsuccessor: v2", "callers have 8 days to change over"),
        ("deprecated: 2999-01-01", "the version goes away, and callers are not told what to use instead"),
        ("successor: v2", "a successor is named, but the version is not deprecated"),
        ("deprecated: 2999-01-01\nsuccessor: v1", "the version is its own successor"),
        (
            "sunset: 2999-01-09\nsuccessor: v2",
            "the version is refused from 2999-01-09 on without having been deprecated",
        ),
    ],
)
def test_dates_that_make_no_sense_are_told(project: Path, dates: str, message: str) -> None:
    good = "/*\nsummary: x\nowner: me\nexamples: [{}]\n%s*/\nSELECT 1 AS one"
    write(project, "queries/q/v2.sql", good % "")
    [remark] = found(project, "", good % f"{dates}\n")
    assert (remark.message, remark.rule) == (message, Rule.SUNSET)


def test_a_successor_that_goes_first_is_no_successor(project: Path) -> None:
    front = "/*\nsummary: x\nowner: me\nexamples: [{}]\n"
    good = front + "deprecated: 2998-01-01\nsunset: %s\nsuccessor: %s\n*/\nSELECT 1 AS one"
    write(project, "queries/q/v2.sql", good % ("2998-06-01", "v3"))
    write(project, "queries/q/v3.sql", front + "*/\nSELECT 1 AS one")
    [mistake] = found(project, "", good % ("2999-01-01", "v2"))
    assert mistake.message == "the successor is refused from 2998-06-01 on"


@pytest.mark.parametrize(
    ("sql", "column", "message"),
    [
        ("SELECT carrier,, origin FROM flights", 16, "not valid SQL: , is not expected here"),
        ("SELECT carrier FROM flights GROUP BY 1 WHERE true", 40, "not valid SQL: WHERE is not expected here"),
    ],
)
def test_what_only_the_engine_cannot_read_is_told_without_the_columns_too(
    project: Path, sql: str, column: int, message: str
) -> None:
    write(project, "catalog/flights.yaml", "table: flights\nlocation: data/flights\n")
    front = "/*\nsummary: x\nowner: me\nexamples: [{}]\n*/\n"
    [mistake] = found(project, sql, front)
    assert (mistake.column, mistake.message, mistake.rule) == (column, message, Rule.SYNTAX)


PLAIN = "/*\nsummary: x\nowner: me\nexamples: [{}]\n*/\n"
PEOPLE = "table: people\nlocation: data/people\ncolumns: {user: VARCHAR, flight: VARCHAR}\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT user",
        "SELECT USER AS me",
        'SELECT "user" AS me',
        "SELECT carrier FROM airlines WHERE name = user",
        "SELECT a.carrier FROM (SELECT carrier, user AS u FROM airlines) a",
        "SELECT carrier, (SELECT max(user) FROM airlines) AS u FROM airlines",
        "WITH w AS (SELECT concat(user, name) AS n FROM airlines) SELECT n FROM w",
        "SELECT carrier FROM airlines ORDER BY user",
        "SELECT count(*) FILTER (user = 'x') AS n FROM airlines",
    ],
)
def test_a_name_of_the_session_is_refused_where_no_column_has_it(project: Path, sql: str) -> None:
    [mistake] = found(project, sql, PLAIN)
    assert (mistake.rule, mistake.severity) == (Rule.NOT_ALLOWED, Severity.ERROR)
    assert mistake.message == "user is not allowed: it tells about the server, not about the data"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT user FROM people",
        "SELECT o.user, flight FROM people o WHERE user > 'a' ORDER BY user",
        "SELECT user FROM airlines JOIN people ON people.user = airlines.name",
        "SELECT name AS user FROM airlines ORDER BY user",
        "SELECT {'user': name}.user AS u FROM airlines",
        "WITH w(user) AS (SELECT name FROM airlines) SELECT user FROM w",
    ],
)
def test_a_column_of_such_a_name_is_a_column(project: Path, sql: str) -> None:
    write(project, "catalog/people.yaml", PEOPLE)
    assert found(project, sql, PLAIN) == []


@pytest.mark.parametrize(
    "call",
    [
        *("current_user", "session_user", "current_role", "current_catalog", "current_schema", '"current_user"'),
        *("user()", "current_user()", "current_database()", "current_schemas(true)", "version()", "getenv('HOME')"),
        *("current_setting('threads')", "pg_typeof(1)", "pg_catalog.version()", "getvariable('x')", "current_query()"),
        *("pg_backend_pid()", "inet_server_addr()", "txid_current()", "has_table_privilege('a', 'b')"),
    ],
)
def test_what_depends_on_the_server_is_refused(project: Path, call: str) -> None:
    mistakes = found(project, f"SELECT {call} AS x", PLAIN)
    assert Severity.ERROR in {mistake.severity for mistake in mistakes}


NOT_IN_FILES = {
    "rowid": "there is no column 'rowid' here",
    "flights.rowid": "flights has no column 'rowid'",
    "main.flights.carrier": "there is no table or alias 'main.flights' here",
    "memory.main.flights.carrier": "there is no table or alias 'memory.main.flights' here",
}


@pytest.mark.parametrize(("name", "message"), NOT_IN_FILES.items())
def test_a_name_that_only_a_table_of_the_engine_has_is_refused(project: Path, name: str, message: str) -> None:
    (mistake,) = found(project, f"SELECT {name} AS x FROM flights WHERE {FILTER}")
    assert (mistake.message, mistake.line, mistake.column) == (message, 10, 8)
    assert mistake.hint


MISFITS = {
    "time_hour < 'now'": ("'now' is no TIMESTAMP", "write now(), or CAST(now() AS …)"),
    "time_hour < TIMESTAMP 'now'": ("'now' is no TIMESTAMP", "write now(), or CAST(now() AS …)"),
    "DATE 'today' > time_hour": ("'today' is no DATE", "write current_date"),
    "time_hour BETWEEN '2024-01-01' AND 'tomorrow'": ("'tomorrow' is no TIMESTAMP", "write current_date + 1"),
    "CAST('2024-02-30' AS DATE) > time_hour": ("'2024-02-30' is no DATE", None),
    "dep_delay = 'many'": ("'many' is no SMALLINT", None),
    "dep_delay IN ('1', 'two')": ("'two' is no SMALLINT", None),
    "dep_delay > 'it''s'": ("'it''s' is no SMALLINT", None),
    "date_trunc('moth', time_hour) > $start": ("'moth' is no part of a date", None),
    "date_part('years_', time_hour) > 2000": ("'years_' is no part of a date", None),
    "regexp_matches(origin, '(')": ("'(' is no regular expression", None),
    "origin SIMILAR TO '['": ("'[' is no regular expression", None),
    "regexp_replace(origin, '*', '') = 'x'": ("'*' is no regular expression", None),
}


@pytest.mark.parametrize(("filter_", "told_"), MISFITS.items())
def test_a_text_that_fails_as_what_it_is_taken_for_is_refused_at_its_place(
    project: Path, filter_: str, told_: tuple[str, str | None]
) -> None:
    (mistake,) = found(project, f"SELECT origin FROM flights WHERE {FILTER}\nAND {filter_}")
    message, hint = told_
    assert (mistake.message, mistake.rule) == (message, Rule.BINDING)
    assert (mistake.line, mistake.column) == (11, 5 + filter_.index(message.rpartition(" is no ")[0]))
    assert mistake.hint == hint if hint else mistake.hint


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("strftime(DATE '2024-01-01', '%Q')", "failed to parse format specifier %Q"),
        ("quantile_cont(n, n)", "QUANTILE can only take constant parameters"),
        ("'a' COLLATE foo", "collation with name foo does not exist"),
    ],
)
def test_what_no_value_of_a_parameter_could_mend_is_refused(project: Path, item: str, message: str) -> None:
    sql = f"SELECT {item} AS x FROM (SELECT length(name) AS n FROM airlines)"
    (mistake,) = found(project, sql, "/*\nsummary: x\nowner: me\nexamples: [{}]\n*/\n")
    assert mistake.severity is Severity.ERROR
    assert mistake.message.startswith(message)


@pytest.mark.parametrize(
    "filter_",
    [
        "(time_hour < 'infinity' OR time_hour > TIMESTAMP 'epoch')",
        "TRY_CAST('now' AS TIMESTAMP) IS NULL",
        "TRY('now'::TIMESTAMP) IS NULL",
        "CASE WHEN $end IS NULL THEN true ELSE 'maybe'::BOOLEAN END",
        "origin <> 'now' AND dep_delay > '7'",
        "date_trunc('MONTHS', time_hour) > $start",
        "regexp_matches(origin, '[A-Z]+')",
        "'12345678901234567890' :: HUGEINT > dep_delay",
        "length('abc') = dep_delay",
    ],
)
def test_a_text_that_fits_or_may_never_be_computed_is_let_through(project: Path, filter_: str) -> None:
    assert found(project, f"SELECT origin FROM flights WHERE {FILTER} AND {filter_}") == []
