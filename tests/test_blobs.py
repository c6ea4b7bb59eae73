import errno
import hashlib
import os
import stat
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanflow.errors import EditError
from wanflow.store import blobs as blobs_module
from wanflow.store.blobs import Blobs, read_checked, write_whole


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=5000))
def test_what_is_put_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    blobs = Blobs(tmp_path_factory.getbasetemp() / "shared")
    sha256 = blobs.put(data)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert blobs.read(sha256) == data
    assert blobs.fault(sha256) == ""


def test_blob_lies_where_its_digest_says(blobs: Blobs) -> None:
    sha256 = blobs.put(b"picture")
    assert blobs.path(sha256) == blobs.root / "objects" / sha256[:2] / sha256
    assert [path for path in blobs.root.rglob("*") if path.is_file()] == [blobs.path(sha256)]


def test_equal_bytes_are_written_once(blobs: Blobs) -> None:
    sha256 = blobs.put(b"picture")
    before = blobs.path(sha256).stat()
    blobs.put(b"picture")
    assert blobs.path(sha256).stat().st_ino == before.st_ino


def test_blob_of_wrong_length_is_replaced(blobs: Blobs) -> None:
    sha256 = blobs.put(b"picture")
    blobs.path(sha256).write_bytes(b"pict")
    blobs.put(b"picture")
    assert blobs.read(sha256) == b"picture"


def test_faults_are_told_apart(blobs: Blobs) -> None:
    sha256 = blobs.put(b"picture")
    assert blobs.fault("0" * 64) == "missing"
    blobs.path(sha256).write_bytes(b"Picture")
    assert blobs.fault(sha256) == "damaged"
    blobs.discard(sha256)
    assert blobs.fault(sha256) == "missing"
    blobs.path(sha256).mkdir()
    assert blobs.fault(sha256) == "unreadable"


def test_discarding_what_is_not_there_is_no_error(blobs: Blobs) -> None:
    blobs.discard("0" * 64)


def test_damaged_blob_is_never_handed_out(blobs: Blobs) -> None:
    sha256 = blobs.put(b"picture")
    blobs.path(sha256).write_bytes(b"Picture")
    with pytest.raises(EditError, match="InputChanged"):
        blobs.read(sha256)


def test_missing_file_is_said_by_name_and_not_by_path(tmp_path: Path) -> None:
    with pytest.raises(EditError) as caught:
        read_checked(tmp_path / "photo.png", "0" * 64)
    assert str(caught.value) == "InputMissing: photo.png can't be read: No such file or directory; run again"


def test_written_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    write_whole(tmp_path / "a" / "picture", [b"x"])
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "other", tmp_path / "a" / "picture")]
    assert modes[0] == modes[1]


def test_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    target = tmp_path / "picture"
    versions = {bytes([n]) * 300_000 for n in range(5)}
    write_whole(target, [next(iter(versions))])
    over, seen = threading.Event(), []

    def read() -> None:
        while not over.is_set():
            seen.append(target.read_bytes() in versions)

    reader = threading.Thread(target=read)
    reader.start()
    for version in versions:
        write_whole(target, [version])
    over.set()
    reader.join()
    assert seen
    assert all(seen)


def test_failure_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "picture").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "picture", [b"x"])
    assert list(tmp_path.iterdir()) == [tmp_path / "picture"]


@pytest.mark.parametrize("knows", [True, False])
def test_on_macos_files_are_put_on_the_disk_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, knows: bool
) -> None:
    asked = []

    def control(descriptor: int, command: int) -> None:
        asked.append(command)
        if not knows:
            raise OSError(errno.ENOTSUP, "not on this disk")

    monkeypatch.setattr(blobs_module, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=control))
    monkeypatch.setattr(os, "fsync", lambda _: asked.append("fsync"))
    with (tmp_path / "a").open("wb") as file:
        blobs_module.sync(file.fileno())
    assert asked == ([51] if knows else [51, "fsync"])
