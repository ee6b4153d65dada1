"""The files of an archive as its writer left them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

HERE = Path(__file__).parent


def unpack(writer: str, folder: Path) -> None:
    """Put the files of *writer* into *folder*, which is not there yet."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(HERE / f"{writer}.zip") as archive, TemporaryDirectory(dir=folder.parent) as unpacked:
        archive.extractall(unpacked)
        (Path(unpacked) / "files").rename(folder)
