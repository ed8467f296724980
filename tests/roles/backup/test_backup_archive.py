"""Does an archive hold every regular file and folder, and nothing that a hostile folder slips in?"""

from __future__ import annotations

import os
import socket
import tarfile
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_backups import archive
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.backups.backups import Backups, asked
from tests.support.backups.content import NAMES


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    (folder / "deep" / "deeper").mkdir(parents=True)
    for name in NAMES:
        (folder / "deep" / name).write_bytes(os.urandom(300))
    (folder / "empty").mkdir()
    (folder / "deep" / "deeper" / "zero").touch()
    return folder


def test_files_and_folders_come_back_byte_for_byte(tmp_path: Path, media: Path) -> None:
    target = tmp_path / "backup"
    target.mkdir()
    listing = archive.make(asked(tmp_path, media), target)
    assert len(listing.files) == len(NAMES) + 1
    with tarfile.open(target / archive.FILE) as packed:
        found = {}
        for member in packed:
            stream = packed.extractfile(member)
            if stream is not None:
                found[member.name] = stream.read()
        folders = {member.name for member in packed.getmembers() if member.isdir()}
        owners = {(member.uid, member.uname) for member in packed.getmembers()}
    assert found == {
        f"media/{path.relative_to(media)}": path.read_bytes() for path in media.rglob("*") if path.is_file()
    }
    assert folders == {"media", "media/deep", "media/deep/deeper", "media/empty"}
    assert owners == {(0, "")}


@pytest.mark.fault("link planted in a shared folder", ends="found")
def test_links_sockets_and_pipes_are_left_out_and_named(tmp_path: Path, media: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "shadow").write_text("sentinel-shadow")
    (media / "link").symlink_to(secret / "shadow")
    (media / "folder-link").symlink_to(secret)
    (media / "loop").symlink_to(media)
    os.mkfifo(media / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(media / "socket"))
        target = tmp_path / "backup"
        target.mkdir()
        listing = archive.make(asked(tmp_path, media), target)
    expected = {"link", "folder-link", "loop", "pipe", "socket"}
    assert {Path(name).name for name in listing.left_out} == expected
    with tarfile.open(target / archive.FILE) as packed:
        assert all(member.isreg() or member.isdir() for member in packed)
        assert not any("shadow" in member.name for member in packed)
    summary = listing.summary()
    assert summary["left_out"] == len(expected)


def test_set_user_bits_are_not_kept(tmp_path: Path, media: Path) -> None:
    (media / "program").write_text("x")
    (media / "program").chmod(0o6755)
    target = tmp_path / "backup"
    target.mkdir()
    archive.make(asked(tmp_path, media), target)
    with tarfile.open(target / archive.FILE) as packed:
        assert packed.getmember("media/program").mode == 0o755


@pytest.mark.fault("backup damaged: bit flipped", ends="found")
def test_damage_between_writing_and_reading_back_is_found(tmp_path: Path, media: Path) -> None:
    target = tmp_path / "backup"
    target.mkdir()
    listing = archive.make(asked(tmp_path, media), target)
    path = target / archive.FILE
    whole = path.read_bytes()
    for end in (0, 10, len(whole) // 2, len(whole) - 9):
        path.write_bytes(whole[:end])
        with pytest.raises(Failure):
            archive.check(path, listing)
    path.write_bytes(whole)
    archive.check(path, listing)
    listing.files["media/more"] = "0" * 64
    with pytest.raises(Failure, match="media/more"):
        archive.check(path, listing)


def test_missing_folder_and_two_of_one_name_are_refused(tmp_path: Path, media: Path) -> None:
    target = tmp_path / "backup"
    target.mkdir()
    with pytest.raises(Failure, match="no such folder"):
        archive.make(asked(tmp_path, tmp_path / "nothing"), target)
    (target / archive.FILE).unlink()
    other = tmp_path / "other" / "media"
    other.mkdir(parents=True)
    with pytest.raises(Failure, match="one name"):
        archive.make(asked(tmp_path, media, other), target)


@pytest.mark.fault("archived folder unreadable", ends="cleaned up")
def test_unreadable_file_is_named_and_no_backup_is_left(backups: Backups) -> None:
    """As the plain user: root could read everything."""
    media = backups.folder / "media"
    media.mkdir()
    (media / "fine").write_text("x")
    locked = media / "locked"
    locked.write_text("x")
    locked.chmod(0)
    failure = backups.fail(paths=[str(media)], service="", proof_service="")
    assert failure["where"] == "media/locked"
    assert "deploy user" in failure["next"]
    locked.chmod(0o644)
    made = backups.make(paths=[str(media)], service="", proof_service="")
    assert made["archive"]["files"] == 2
    assert made["proof"] == "none"


def test_database_and_files_are_one_backup(backups: Backups) -> None:
    media = backups.folder / "media"
    media.mkdir()
    (media / "photo").write_bytes(os.urandom(1000))
    made = backups.make(paths=[str(media)])
    assert set(backups.manifest(made)["files"]) == {"database.dump", "files.tar.gz"}
    assert made["proof"] == "proved"
