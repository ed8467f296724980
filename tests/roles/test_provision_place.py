"""Can another user lead root elsewhere while it provisions? With one who really tries, a thousand times a second."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_places import making
from ansible.module_utils.namaskah_places.walk import Rights

from tests.support.absence import report_absence
from tests.support.playing import play

OTHER = pwd.getpwnam("nobody").pw_uid
TRIES = 1500
HERE, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of renameat2(2)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of root's that everybody can come to."""
    if os.geteuid() != 0:
        report_absence("giving folders away needs root")
    with tempfile.TemporaryDirectory(prefix="namaskah-place-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def theirs(place: Path) -> Path:
    """A folder of another user."""
    folder = place / "theirs"
    folder.mkdir()
    os.chown(folder, OTHER, OTHER)
    return folder


@pytest.fixture
def target(place: Path) -> Path:
    """A folder of root's that must stay as it is, and a file in it."""
    folder = place / "target"
    folder.mkdir(mode=0o700)
    (folder / "media").mkdir(mode=0o700)
    (folder / ".env").write_text("root's own")
    return folder


def rights(path: Path) -> tuple[int, int, int]:
    seen = path.lstat()
    return seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)


@contextmanager
def racing(one: Path, two: Path) -> Iterator[None]:
    """Let the other user exchange two names all the time: at every moment each of them is there."""
    exchange = ctypes.CDLL(None).renameat2
    racer = os.fork()
    if racer == 0:
        os.setgroups([])
        os.setgid(OTHER)
        os.setuid(OTHER)
        while exchange(HERE, bytes(one), HERE, bytes(two), EXCHANGE) == 0:
            pass
        os._exit(1)
    try:
        yield
        assert os.waitpid(racer, os.WNOHANG) == (0, 0), "the racer gave up"
    finally:
        os.kill(racer, signal.SIGKILL)
        os.waitpid(racer, 0)


def test_a_folder_and_what_is_missing_above_it(place: Path) -> None:
    wanted = Rights(OTHER, OTHER, 0o2750)
    assert making.folder(place / "a" / "b", wanted, dry=True)
    assert list(place.iterdir()) == []
    assert making.folder(place / "a" / "b", wanted)
    assert rights(place / "a") == rights(place / "a" / "b") == (OTHER, OTHER, 0o2750)
    assert not making.folder(place / "a" / "b", wanted)
    (place / "a" / "b").chmod(0o700)
    assert making.folder(place / "a" / "b", wanted, dry=True)
    assert rights(place / "a" / "b")[2] == 0o700
    assert making.folder(place / "a" / "b", wanted)
    assert rights(place / "a" / "b")[2] == 0o2750


@pytest.mark.parametrize("leads", ["{place}/real", "real", "./real/../real/", "second"])
def test_a_link_of_roots_own_is_followed(place: Path, leads: str) -> None:
    (place / "real").mkdir()
    (place / "second").symlink_to("real")
    (place / "link").symlink_to(leads.format(place=place))
    making.folder(place / "link" / "x", Rights(OTHER, OTHER, 0o755))
    assert rights(place / "real" / "x") == (OTHER, OTHER, 0o755)
    assert rights(place / "real")[0] == 0


def test_links_that_lead_round_and_round_are_refused(place: Path) -> None:
    (place / "one").symlink_to("two")
    (place / "two").symlink_to("one")
    with pytest.raises(Failure, match="round and round"):
        making.folder(place / "one", Rights(OTHER, OTHER, 0o755))


@pytest.mark.parametrize("path", ["shared", "shared/media", "shared/new"])
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_a_link_in_a_folder_that_another_user_can_write_is_refused(
    theirs: Path, target: Path, path: str, mode: int
) -> None:
    """Also in a folder of root's that everybody can write."""
    if mode == 0o777:
        os.chown(theirs, 0, 0)
    theirs.chmod(mode)
    (theirs / "shared").symlink_to(target)
    with pytest.raises(Failure, match="not only root can write") as found:
        making.folder(theirs / path, Rights(OTHER, OTHER, 0o755))
    assert str(theirs / path) in found.value.next_step
    assert rights(target) == rights(target / "media") == (0, 0, 0o700)
    assert not (target / "new").exists()


def test_a_file_in_the_place_of_a_folder_is_refused(theirs: Path) -> None:
    (theirs / "shared").write_text("")
    with pytest.raises(Failure, match="it is no folder"):
        making.folder(theirs / "shared" / "media", Rights(OTHER, OTHER, 0o755))


@pytest.mark.fault("link planted while provisioning", ends="refused", where="folder")
def test_a_racer_leads_no_folder_elsewhere(theirs: Path, target: Path) -> None:
    """What the attack was: `shared` becomes a link to a folder of root's between the look and the deed."""
    making.folder(theirs / "shared", Rights(OTHER, OTHER, 0o755))
    (theirs / "link").symlink_to(target)
    os.chown(theirs / "link", OTHER, OTHER, follow_symlinks=False)
    went = refused = 0
    with racing(theirs / "shared", theirs / "link"):
        for number in range(TRIES):
            try:
                making.folder(
                    theirs / "shared" / ("media" if number % 2 else f"n{number}"), Rights(OTHER, OTHER, 0o755)
                )
                went += 1
            except (Failure, FileNotFoundError):
                refused += 1
            assert rights(target / "media") == (0, 0, 0o700)
            assert sorted(path.name for path in target.iterdir()) == [".env", "media"]
    assert went, "the racer was always there"
    assert refused, "the racer was never there"


def test_a_folder_that_is_exchanged_while_it_is_made_is_not_given_away(
    theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.mkdir

    def exchanged(name: str, mode: int, *, dir_fd: int) -> None:
        real(name, mode, dir_fd=dir_fd)
        (theirs / name).rename(theirs / "away")
        real(theirs / name, 0o755)

    monkeypatch.setattr(os, "mkdir", exchanged)
    with pytest.raises(Failure, match="another folder into its place"):
        making.folder(theirs / "media", Rights(OTHER, OTHER, 0o755))


def test_a_file_is_written_whole_and_only_where_it_differs(theirs: Path) -> None:
    path, wanted = theirs / ".env", Rights(OTHER, 0, 0o640)
    assert making.file(path, b"A=1\n", wanted, dry=True)
    assert not path.exists()
    assert making.file(path, b"A=1\n", wanted)
    assert (path.read_text(), rights(path)) == ("A=1\n", (OTHER, 0, 0o640))
    assert not making.file(path, b"A=1\n", wanted)
    path.chmod(0o644)
    assert making.file(path, b"A=1\n", wanted)
    assert making.file(path, b"A=2\n", wanted)
    assert (path.read_text(), rights(path)) == ("A=2\n", (OTHER, 0, 0o640))
    assert [entry.name for entry in theirs.iterdir()] == [".env"]


@pytest.mark.parametrize("way", ["link", "hard link", "pipe"])
def test_what_stands_in_the_place_of_a_file_is_replaced_and_its_target_left(
    theirs: Path, target: Path, way: str
) -> None:
    path = theirs / ".env"
    if way == "link":
        path.symlink_to(target / ".env")
    elif way == "hard link":
        path.hardlink_to(target / ".env")
    else:
        os.mkfifo(path)
    assert making.file(path, b"A=1\n", Rights(OTHER, OTHER, 0o600))
    assert (path.read_text(), rights(path)) == ("A=1\n", (OTHER, OTHER, 0o600))
    assert ((target / ".env").read_text(), rights(target / ".env")[0]) == ("root's own", 0)


@pytest.mark.fault("link planted while provisioning", ends="refused", where="file")
def test_a_racer_leads_no_file_elsewhere(theirs: Path, target: Path) -> None:
    making.folder(theirs / "shared", Rights(OTHER, OTHER, 0o755))
    (theirs / "link").symlink_to(target)
    os.chown(theirs / "link", OTHER, OTHER, follow_symlinks=False)
    with racing(theirs / "shared", theirs / "link"):
        for number in range(TRIES // 5):
            try:
                making.file(theirs / "shared" / ".env", f"{number}\n".encode(), Rights(OTHER, OTHER, 0o600))
            except (Failure, FileNotFoundError):
                continue
    assert (target / ".env").read_text() == "root's own"
    assert rights(target / ".env")[0] == 0


def test_a_folder_of_a_file_that_is_missing_is_named(place: Path) -> None:
    with pytest.raises(Failure, match="is missing"):
        making.file(place / "none" / ".env", b"", Rights(0, 0, 0o600))


def test_provisioning_writes_the_environment_files_so(theirs: Path, tmp_path: Path) -> None:
    """As the role does it: what the template writes, for both users, and nothing on the second time."""
    variables = {
        "namaskah_app": "shop",
        "namaskah_environment": "production",
        "namaskah_repository": "unused",
        "namaskah_services": {"web": {"command": ["true"]}},
        "namaskah_env_file": str(theirs / ".env"),
        "namaskah_migrate_env_file": str(theirs / ".env.migrate"),
        "namaskah_deploy_user": "root",
        "namaskah_app_user": "daemon",
        "provision_environment": {"NAME": 'say "4711"', "BRACES": "{{ '{{ x }}' }}"},
        "provision_migrate_environment": {"URL": "postgresql://x"},
    }
    role = {"name": "Write", "ansible.builtin.include_role": {"name": "provision", "tasks_from": "environment"}}
    played = play([role], tmp_path, variables=variables, groups=["app"])
    assert played.status == 0, played.output
    assert "4711" not in played.output
    lines = (theirs / ".env").read_text().split("\n")
    assert lines[2:] == ['BRACES="{{ x }}"', 'NAME="say \\"4711\\""', ""]
    group = pwd.getpwnam("daemon").pw_gid
    assert (rights(theirs / ".env"), rights(theirs / ".env.migrate")) == ((0, group, 0o640), (0, 0, 0o600))
    again = play([role], tmp_path, variables=variables, groups=["app"])
    assert "changed=0" in again.output
    (theirs / ".env").unlink()
    theirs.rename(theirs.with_name("moved"))
    theirs.symlink_to("moved")
    os.chown(theirs.parent, OTHER, OTHER)
    refused = play([role], tmp_path, variables=variables, groups=["app"])
    assert refused.status != 0
    assert not (theirs / ".env").exists()
