"""The epochs that processes share: what one advances, the others see, also after the file was removed."""

from pathlib import Path

from gateway.cache.epochs import Epochs, made_once

QUESTION, TABLES = "beef", ("flights", "weather")


def two(folder: Path) -> tuple[Epochs, Epochs]:
    return Epochs(folder / "epochs"), Epochs(folder / "epochs")


def test_an_epoch_holds_until_another_process_advances_the_question_or_announces_a_table(tmp_path: Path) -> None:
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


def test_who_advanced_a_question_sees_whether_another_did_since(tmp_path: Path) -> None:
    here, there = two(tmp_path)
    advanced = here.advance(here.read(QUESTION))
    assert (advanced.holds(), here.is_current(advanced)) == (True, True)
    there.advance(there.read(QUESTION))
    assert (advanced.holds(), here.is_current(advanced)) == (False, False)


def test_epochs_outlive_the_process(tmp_path: Path) -> None:
    here = Epochs(tmp_path / "epochs")
    advanced = here.advance(here.read(QUESTION))
    assert Epochs(tmp_path / "epochs").read(QUESTION).number == advanced.number


def test_a_file_that_is_gone_is_made_anew_and_no_earlier_epoch_holds_anywhere(tmp_path: Path) -> None:
    here, there = two(tmp_path)
    near, far, purges = here.read(QUESTION, TABLES), there.read(QUESTION, TABLES), there.purges
    (tmp_path / "epochs").unlink()
    assert here.renew()
    assert not near.holds()
    assert not far.holds()
    assert there.purges != purges
    assert there.renew()
    assert there.machine == here.machine


def test_without_a_file_no_epoch_holds(tmp_path: Path) -> None:
    (tmp_path / "epochs").mkdir()
    epochs = Epochs(tmp_path / "epochs")
    assert not epochs.read(QUESTION).holds()
    assert epochs.read(QUESTION).number != epochs.read(QUESTION).number


def test_of_several_processes_that_make_a_file_one_does(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        made_once(tmp_path / "folder" / "file", content)
    assert (tmp_path / "folder" / "file").read_bytes() == b"first"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]
