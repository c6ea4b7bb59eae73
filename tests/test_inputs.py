import os
import time
from contextlib import closing
from pathlib import Path

import pytest
from projects import photo

from wanflow.errors import EditError
from wanflow.planning.inputs import RACY_NS, Inputs
from wanflow.store.index import Index


class CountingIndex(Index):
    """Keeps which files were asked for and noted."""

    noted: list[str]

    def note_files(self, entries) -> None:
        self.noted = [*getattr(self, "noted", []), *entries]
        super().note_files(entries)


@pytest.fixture
def index():
    with closing(CountingIndex.memory()) as index:
        yield index


def old_photo(folder: Path, name: str = "a.png", seed: int = 0) -> Path:
    """A photo that was written a while ago."""
    path = folder / name
    path.write_bytes(photo(seed))
    then = time.time_ns() - 10 * RACY_NS
    os.utime(path, ns=(then, then))
    return path


def test_content_is_read_and_path_is_relative_to_the_project(tmp_path: Path, index: Index) -> None:
    old_photo(tmp_path)
    inputs = Inputs(tmp_path, index)
    source = inputs.source(inputs.name(".", f"{tmp_path}/a.png"))
    assert (source.path, source.blob.size) == ("a.png", (64, 48))


def test_photo_beside_the_project_is_found_by_a_relative_path(tmp_path: Path, index: Index) -> None:
    (tmp_path / "project").mkdir()
    old_photo(tmp_path)
    inputs = Inputs(tmp_path / "project", index)
    assert inputs.source(inputs.name("scans", "../../a.png")).path == "../a.png"


def test_unchanged_file_is_not_read_again(tmp_path: Path, index: CountingIndex) -> None:
    path = old_photo(tmp_path)
    first = Inputs(tmp_path, index)
    known = first.source("a.png")
    first.save()
    assert index.noted == ["a.png"]
    path.chmod(0o000)  # root could read it; the note below could not stay as it is if anybody had
    again = Inputs(tmp_path, index)
    assert again.source("a.png") == known
    again.save()
    assert index.noted == ["a.png"]


def test_changed_file_is_read_again(tmp_path: Path, index: CountingIndex) -> None:
    first = Inputs(tmp_path, index)
    old_photo(tmp_path)
    before = first.source("a.png")
    first.save()
    old_photo(tmp_path, seed=3)
    after = Inputs(tmp_path, index).source("a.png")
    assert after.blob.sha256 != before.blob.sha256


def test_file_written_a_moment_ago_is_not_trusted(tmp_path: Path, index: CountingIndex) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(photo())
    later = time.time_ns() + 3_600 * 10**9  # a clock that is ahead, as on a network drive
    os.utime(path, ns=(later, later))
    inputs = Inputs(tmp_path, index)
    source = inputs.source("a.png")
    inputs.save()
    assert not getattr(index, "noted", [])
    assert source.stat is None


def test_bad_file_is_opened_once_and_fails_every_time(tmp_path: Path, index: Index) -> None:
    inputs = Inputs(tmp_path, index)
    with pytest.raises(EditError) as first:
        inputs.source(tmp_path / "a.png")
    old_photo(tmp_path)
    with pytest.raises(EditError) as second:
        inputs.source(tmp_path / "a.png")
    assert first.value is second.value
