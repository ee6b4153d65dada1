"""The words that processes share: what one writes, the others see, also after the file was removed."""

from pathlib import Path

from gateway.cache.board import Board, made_once

QUESTION, TABLES = "beef", ("flights", "weather")


def two(folder: Path) -> tuple[Board, Board]:
    return Board(folder / "board"), Board(folder / "board")


def test_a_sight_holds_until_another_process_turns_the_question_or_announces_a_table(tmp_path: Path) -> None:
    here, there = two(tmp_path)
    sight = here.see(QUESTION, TABLES)
    assert sight.holds()
    there.turn(there.see("another"))
    there.announce("airlines")
    assert sight.holds()
    there.announce("weather")
    assert not sight.holds()
    sight = here.see(QUESTION, TABLES)
    there.turn(there.see(QUESTION))
    assert not sight.holds()


def test_who_turned_a_question_sees_whether_another_turned_it_since(tmp_path: Path) -> None:
    here, there = two(tmp_path)
    turned = here.turn(here.see(QUESTION))
    assert (turned.holds(), here.unturned(turned)) == (True, True)
    there.turn(there.see(QUESTION))
    assert (turned.holds(), here.unturned(turned)) == (False, False)


def test_words_outlive_the_process(tmp_path: Path) -> None:
    here = Board(tmp_path / "board")
    turned = here.turn(here.see(QUESTION))
    assert Board(tmp_path / "board").see(QUESTION).word == turned.word


def test_a_file_that_is_gone_is_made_anew_and_nothing_that_was_seen_before_holds_anywhere(tmp_path: Path) -> None:
    here, there = two(tmp_path)
    near, far, drops = here.see(QUESTION, TABLES), there.see(QUESTION, TABLES), there.drops
    (tmp_path / "board").unlink()
    assert here.renew()
    assert not near.holds()
    assert not far.holds()
    assert there.drops != drops
    assert there.renew()
    assert there.machine == here.machine


def test_without_a_file_nothing_that_was_seen_holds(tmp_path: Path) -> None:
    (tmp_path / "board").mkdir()
    board = Board(tmp_path / "board")
    assert not board.see(QUESTION).holds()
    assert board.see(QUESTION).word != board.see(QUESTION).word


def test_of_several_processes_that_make_a_file_one_does(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        made_once(tmp_path / "folder" / "file", content)
    assert (tmp_path / "folder" / "file").read_bytes() == b"first"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]
