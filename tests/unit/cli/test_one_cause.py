"""What has one cause is told once by ``gateway check``, in the words of the cause, with what to write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import main

QUERIES = 20
TABLE = """table: orders
location: data/orders
columns: {order_id: BIGINT, ordered_at: TIMESTAMP, country: VARCHAR}
"""
LEVELS = "partitioned_by:\n  - {column: day, transform: day, source: ordered_at}\n"
QUERY = """/*
summary: Orders of a day
owner: shop
parameters: {start: {type: timestamp, description: from}}
examples: [{start: 2024-01-01T00:00:00}]
*/
SELECT day, country, count(*) AS orders
FROM orders
WHERE ordered_at >= $start
GROUP BY day, country
"""
OWNERS = "owners: {shop: {name: The shop}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return with_queries(tmp_path, QUERIES)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project for what has nothing to do with how many queries there are."""
    return with_queries(tmp_path, 3)


def with_queries(project: Path, count: int) -> Path:
    write(project, "catalog/orders.yaml", TABLE + LEVELS)
    write(project, "catalog/owners.yaml", OWNERS)
    (project / "data" / "orders" / "day=2024-01-01").mkdir(parents=True)
    for number in range(count):
        write(project, f"queries/q{number:02}/v1.sql", QUERY)
    return project


def test_the_project_has_no_mistake_before_it_is_changed(project: Path) -> None:
    assert check(project)["diagnostics"] == []


def write(project: Path, place: str, text: str) -> None:
    path = project / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def check(project: Path, *arguments: str) -> Any:
    result = CliRunner().invoke(main, ["check", "--project", str(project), "--format", "json", *arguments])
    return json.loads(result.stdout)


def without_levels(project: Path) -> None:
    write(project, "catalog/orders.yaml", TABLE)


def with_another_column(project: Path) -> None:
    write(project, "catalog/orders.yaml", TABLE.replace("country", "land") + LEVELS)


def without_the_table(project: Path) -> None:
    (project / "catalog" / "orders.yaml").unlink()


def with_another_owner(project: Path) -> None:
    write(project, "catalog/owners.yaml", OWNERS.replace("shop:", "store:"))


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        (without_levels, "catalog/orders.yaml", "the files lie in folders day=2024-01-01"),
        (with_another_column, "queries/q00/v1.sql", "there is no column 'country' here"),
        (without_the_table, "queries/q00/v1.sql", "the table 'orders' is not declared in catalog/"),
        (with_another_owner, "queries/q00/v1.sql", "nobody is declared as 'shop'"),
    ],
)
def test_one_cause_in_twenty_queries_is_one_mistake_that_names_them(
    change: Callable[[Path], None], path: str, words: str, project: Path
) -> None:
    change(project)
    [found] = [item for item in check(project)["diagnostics"] if item["severity"] == "error"]
    assert (found["path"], words in found["message"]) == (path, True), found["message"]
    named = {place.split(":")[0] for place in [found["path"], *found["also"]]}
    assert named >= {f"queries/q{number:02}/v1.sql" for number in range(QUERIES)}


def test_the_lines_that_are_shown_mend_what_they_are_shown_for(project: Path) -> None:
    without_levels(project)
    [found] = check(project)["diagnostics"]
    write(project, "catalog/orders.yaml", f"{TABLE}{found['fix']}\n")
    assert [item for item in check(project)["diagnostics"] if item["severity"] == "error"] == []


def test_a_query_that_is_checked_alone_shows_the_cause_in_its_table(project: Path) -> None:
    without_levels(project)
    [found] = check(project, str(project / "queries" / "q07"))["diagnostics"]
    assert found["path"] == "catalog/orders.yaml"


def test_the_text_names_a_few_places_and_counts_the_others(project: Path) -> None:
    with_another_column(project)
    result = CliRunner().invoke(main, ["check", "--project", str(project)])
    [also] = [line.strip() for line in result.stdout.splitlines() if "also at" in line]
    assert also.startswith("also at queries/q00/v1.sql:")
    assert also.endswith(" more")
    assert f"1 mistake in {QUERIES} files" in result.stdout
    assert len(result.stdout.splitlines()) < 10


@pytest.mark.parametrize(
    "select",
    ["country order_id", "day,\n  country\n  order_id", "orders.country order_id"],
)
def test_a_comma_that_is_missing_is_noticed(select: str, small: Path) -> None:
    text = QUERY.replace("day, country, count(*) AS orders", select).replace("GROUP BY day, country\n", "")
    write(small, "queries/q00/v1.sql", text)
    [found] = check(small)["diagnostics"]
    assert (found["rule"], found["severity"]) == ("missing-comma", "warning")
    line, column = found["line"], found["column"]
    assert text.split("\n")[line - 1][column - 1 :].startswith("order_id")


@pytest.mark.parametrize("select", ["country AS order_id", "country land", "count(*) country", "order_id order_id"])
def test_names_that_are_meant_are_no_missing_commas(select: str, small: Path) -> None:
    text = QUERY.replace("day, country, count(*) AS orders", select).replace("GROUP BY day, country\n", "")
    write(small, "queries/q00/v1.sql", text)
    assert [item["rule"] for item in check(small)["diagnostics"]] == []


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("catalog/lines.yaml.txt", False),
        ("catalog/lines.ymal", False),
        ("catalog/lines.YAML", False),
        ("queries/q00/v2.sql.txt", False),
        ("queries/q00/v1.test.yml", False),
        ("queries/q00/v1.tests.yaml", False),
        ("queries/q00/V2.SQL", False),
        ("catalog/README.md", True),
        ("catalog/lines.yaml~", True),
        ("queries/q00/notes.md", True),
        ("queries/README.md", True),
    ],
)
def test_a_file_that_is_nearly_named_as_one_that_is_read_is_told(name: str, read: bool, small: Path) -> None:
    write(small, name, "x")
    found = [(item["path"], item["message"]) for item in check(small)["diagnostics"]]
    assert found == ([] if read else [(name, "nothing reads this file")])


def test_a_text_in_double_quotes_is_told_how_texts_are_written(small: Path) -> None:
    write(small, "queries/q00/v1.sql", QUERY.replace("$start", '$start AND country = "DE"'))
    [found] = check(small)["diagnostics"]
    assert found["hint"].startswith("write 'DE' for a text: double quotes name a column")


@pytest.mark.parametrize("given", ["orders", "Orders", "ORDERS", '"orders"'])
@pytest.mark.parametrize(
    "file",
    ["Orders.yaml", "ORDERS.yml", "order.yaml", "my-orders.yaml", "orders.YAML", "Orders.yaml.txt", "orders.yal"],
)
def test_a_table_whose_file_has_another_name_is_one_mistake_that_says_how_to_name_both(
    small: Path, file: str, given: str
) -> None:
    (small / "catalog" / "orders.yaml").unlink()
    write(small, f"catalog/{file}", (TABLE + LEVELS).replace("table: orders", f"table: {given}"))
    names = {file}
    for _ in range(2):  # where both names are wrong, one is told after the other
        [found] = check(small)["diagnostics"]
        assert (found["path"], found["severity"]) == (f"catalog/{file}", "error"), found
        assert "orders.yaml" in found["hint"] or "orders.yml" in found["hint"], found
        text = (small / "catalog" / file).read_text().replace(f"table: {given}", "table: orders")
        (small / "catalog" / file).unlink()
        file = next(word.strip(",:") for word in found["hint"].split() if word.startswith("orders.y"))
        write(small, f"catalog/{file}", text)
        names.add(file)
        if check(small)["diagnostics"] == []:
            break
    assert check(small)["diagnostics"] == [], names


def test_a_file_that_nothing_reads_is_a_warning_where_no_query_needs_it(small: Path) -> None:
    write(small, "catalog/old.yaml.txt", TABLE)
    write(small, "catalog/orders.YAML.txt", TABLE)
    found = check(small)["diagnostics"]
    assert {(each["path"], each["severity"]) for each in found} == {
        ("catalog/old.yaml.txt", "warning"),
        ("catalog/orders.YAML.txt", "warning"),
    }


def test_a_table_that_is_named_as_none_can_be_is_one_mistake(project: Path) -> None:
    (project / "catalog" / "orders.yaml").unlink()
    write(project, "catalog/All Orders.yaml", (TABLE + LEVELS).replace("table: orders", "table: All Orders"))
    for number in range(QUERIES):
        write(project, f"queries/q{number:02}/v1.sql", QUERY.replace("FROM orders", "FROM all_orders"))
    [found] = check(project)["diagnostics"]
    assert (found["line"], found["hint"]) == (1, "write all_orders, in a file all_orders.yaml")
