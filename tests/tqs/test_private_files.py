from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tqs.private_files import ensure_private_folder, write_private_file


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """A umask that takes nothing away: what is private is so by our own doing."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("replace", [True, False])
def test_a_file_and_its_new_folders_are_for_their_owner_only(tmp_path: Path, replace: bool) -> None:
    file = tmp_path / "new" / "home" / "key"

    write_private_file(file, "schlüssel\n", replace=replace)

    assert file.read_text(encoding="utf-8") == "schlüssel\n"
    assert (mode(file), mode(file.parent), mode(file.parent.parent)) == (0o600, 0o700, 0o700)
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert ensure_private_folder(tmp_path) == tmp_path
    assert mode(tmp_path) == 0o755


def test_a_file_that_is_there_gives_way_or_stays(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old")
    file.chmod(0o644)

    write_private_file(file, "new", replace=False)
    assert file.read_text() == "old"

    write_private_file(file, "new", replace=True)
    assert (file.read_text(), mode(file)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_of_many_writers_at_once_one_stands_whole(tmp_path: Path) -> None:
    file = tmp_path / "home" / "key"
    texts = [str(i) * 5000 for i in range(10)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda text: write_private_file(file, text, replace=False), texts))
    assert file.read_text() in texts
    assert list(file.parent.iterdir()) == [file]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(OSError, match="key"):
        write_private_file(tmp_path / "key", "x", replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["key"]

    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        ensure_private_folder(tmp_path / "file")
