"""What a check tells, in each of its forms."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from rich.console import Console

from gateway.authoring.checked import Checked
from gateway.cli.formats import FORMATS, verdict
from gateway.errors import Diagnostic, Rule, Severity

ERROR = Diagnostic(
    path="queries/a/v1.sql",
    line=2,
    column=8,
    message="there is no column 'carier'",
    hint="did you mean 'carrier'?",
    rule=Rule.SYNTAX,
)
WARNING = Diagnostic(path="queries/a/v1.sql", message="no examples", severity=Severity.WARNING, rule=Rule.EXAMPLE)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "queries" / "a"
    folder.mkdir(parents=True)
    (folder / "v1.sql").write_text("/* summary: a */\nSELECT carier FROM flights\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*diagnostics: Diagnostic) -> Checked:
    return Checked(tables=1, templates=2, diagnostics=diagnostics)


def rendered(form: str, project: Path, *diagnostics: Diagnostic) -> str:
    return FORMATS[form](found(*diagnostics), project, Console(soft_wrap=True, no_color=True))


def test_text_shows_the_line_a_caret_and_what_would_be_right(project: Path) -> None:
    assert rendered("text", project, ERROR, WARNING).splitlines() == [
        "queries/a/v1.sql:2:8: there is no column 'carier'",
        "    SELECT carier FROM flights",
        "           ^",
        "    did you mean 'carrier'?",
        "queries/a/v1.sql: warning: no examples",
        "1 table, 2 templates: 1 mistake, 1 warning in 1 file",
    ]


def test_json_has_rule_and_severity_as_words(project: Path) -> None:
    [item] = orjson.loads(rendered("json", project, ERROR))["diagnostics"]
    assert (item["rule"], item["severity"], item["line"], item["column"]) == ("syntax", "error", 2, 8)


def test_github_gets_an_annotation_at_the_line(project: Path) -> None:
    assert rendered("github", project, ERROR, WARNING).splitlines() == [
        "::error file=queries/a/v1.sql,line=2,col=8,title=syntax"
        "::there is no column 'carier'%0Adid you mean 'carrier'?",
        "::warning file=queries/a/v1.sql,title=example::no examples",
    ]


def test_no_text_breaks_out_of_an_annotation(project: Path) -> None:
    odd = Diagnostic(path="queries/a,b:c%/v1.sql", message="100%\n::error::gotcha\r")
    assert rendered("github", project, odd) == (
        "::error file=queries/a%2Cb%3Ac%25/v1.sql,title=invalid::100%25%0A::error::gotcha%0D\n"
    )


def test_the_file_of_an_annotation_is_named_from_where_the_command_runs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.parent)
    assert f"file={project.name}/queries/a/v1.sql," in rendered("github", project, ERROR)


def test_markdown_has_the_verdict_and_each_file_once(project: Path) -> None:
    assert rendered("markdown", project, ERROR, WARNING).splitlines() == [
        "### Check: 1 mistake, 1 warning in 1 file",
        "",
        "1 table, 2 templates.",
        "",
        "**`queries/a/v1.sql`**",
        "",
        "- ❌ line 2: there is no column 'carier' (did you mean 'carrier'?) `syntax`",
        "",
        "  ```sql",
        "  SELECT carier FROM flights",
        "         ^",
        "  ```",
        "- ⚠️ no examples `example`",
    ]


def test_markdown_shows_markup_of_a_message_as_it_is(project: Path) -> None:
    odd = Diagnostic(path="x", message="<b>*a*</b> `c`")
    assert r"- ❌ &lt;b>\*a\*&lt;/b> \`c\` `invalid`" in rendered("markdown", project, odd)


def test_a_project_with_warnings_only_has_no_mistakes() -> None:
    assert verdict(found(WARNING)) == "no mistakes, 1 warning in 1 file"
