"""The words that processes share: what one writes, the others see, also after the file was removed."""

from pathlib import Path

from gateway.cache.epochs import Epochs, made_once

QUESTION, TABLES = "beef", ("flights", "weather")


def two(folder: Path) -> tuple[Epochs, Epochs]:
    return Epochs(folder / "board"), Epochs(folder / "board")


def test_a_sight_holds_until_another_process_turns_the_question_or_announces_a_table(tmp_path: Path) -> None:
    here, there = two(tmp_path)
    epoch = here.read(QUESTION, TABLES)
    assert epoch.holds()
    there.advance(there.read("another"))
    there.announce("airlines")
    assert epoch.holds()
    there.announce("weather")
    assert not epoch.holds()
    epoch = here.read(QUESTION, TABLES)
    there.advance(there.read(QUESTION))
    assert not epoch.holds()


def test_who_turned_a_question_sees_whether_another_turned_it_since(tmp_path: Path) -> None:
    here, there = two(tmp_path)
    turned = here.advance(here.read(QUESTION))
    assert (turned.holds(), here.is_current(turned)) == (True, True)
    there.advance(there.read(QUESTION))
    assert (turned.holds(), here.is_current(turned)) == (False, False)


def test_words_outlive_the_process(tmp_path: Path) -> None:
    here = Epochs(tmp_path / "board")
    turned = here.advance(here.read(QUESTION))
    assert Epochs(tmp_path / "board").read(QUESTION).number == turned.number


def test_a_file_that_is_gone_is_made_anew_and_nothing_that_was_seen_before_holds_anywhere(tmp_path: Path) -> None:
    here, there = two(tmp_path)
    near, far, drops = here.read(QUESTION, TABLES), there.read(QUESTION, TABLES), there.drops
    (tmp_path / "board").unlink()
    assert here.renew()
    assert not near.holds()
    assert not far.holds()
    assert there.drops != drops
    assert there.renew()
    assert there.machine == here.machine


def test_without_a_file_nothing_that_was_seen_holds(tmp_path: Path) -> None:
    (tmp_path / "board").mkdir()
    epochs = Epochs(tmp_path / "board")
    assert not epochs.read(QUESTION).holds()
    assert epochs.read(QUESTION).number != epochs.read(QUESTION).number


def test_of_several_processes_that_make_a_file_one_does(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        made_once(tmp_path / "folder" / "file", content)
    assert (tmp_path / "folder" / "file").read_bytes() == b"first"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]
