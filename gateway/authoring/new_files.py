"""New files of a project, put in place together or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp


@contextmanager
def staged(folder: Path, files: Mapping[str, str]) -> Iterator[Path]:
    """Write *files* (texts by their paths in a project) into a hidden folder inside of *folder*, for as long as needed.

    *folder* itself is removed where it was made for that and nothing was put into it.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    stage = Path(mkdtemp(prefix=".gateway-init-", dir=folder))
    try:
        for path, text in files.items():
            target = stage / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if made and not any(folder.iterdir()):
            folder.rmdir()


def put_in_place(stage: Path, folder: Path) -> list[str]:
    """Move all files of *stage* to their paths in *folder*; after a failure, none of them stays there.

    Returns their paths. Raises ``FileExistsError`` where one is there already, and other ``OSError``.
    """
    paths = sorted(path.relative_to(stage) for path in stage.rglob("*") if path.is_file())
    with ExitStack() as undone:
        for path in paths:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            undone.callback(_remove_empty, target.parent, folder)
            with target.open("xb") as file:
                undone.callback(target.unlink)
                file.write((stage / path).read_bytes())
        undone.pop_all()
    return [path.as_posix() for path in paths]


def _remove_empty(folder: Path, until: Path) -> None:
    while folder != until and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
