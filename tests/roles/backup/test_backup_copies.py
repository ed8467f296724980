"""Is a copy elsewhere whole, unreadable to others where asked, read back, and never believed when it is not?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_backups import targets
from ansible.module_utils.namaskah_backups.manifest import SEAL
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.backups import store as stores
from tests.support.backups.backups import CONTRACT, TASK, Backups
from tests.support.backups.disks import disk, fill_up
from tests.support.backups.store import BUCKET, SECRET, Store
from tests.support.playing import Played
from tests.support.postgres import unprivileged


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with stores.running(unprivileged()) as found:
        yield found


class Copies:
    """A backup of one file, and copies of it."""

    def __init__(self, backups: Backups, store: Store) -> None:
        self.backups, self.store = backups, store
        media = backups.folder / "media"
        media.mkdir()
        (media / "photo").write_bytes(b"sentinel-content-2f80 " * 300)
        (media / "photo").chmod(0o644)
        self.made = backups.make(paths=[str(media)], service="", proof_service="")
        self.folder = Path(str(self.made["path"]))
        self.place = f"{BUCKET}/{os.urandom(4).hex()}"

    def target(self, **words: Any) -> dict[str, Any]:
        """The target of the store, with some words changed."""
        usual = {"name": "vault", "kind": "s3", "to": f"vault:{self.place}", "config": str(self.store.config)}
        return {**usual, **words}

    def __call__(self, *chosen: dict[str, Any], **words: Any) -> Played:
        asked = {"contract": CONTRACT, "root": str(self.backups.root), "id": self.made["id"], "targets": list(chosen)}
        return self.backups.tasks({"name": TASK, "namaskah_backup_copy": {**asked, **words}})

    def objects(self) -> list[str]:
        """The names of what is there, below the backup's own."""
        prefix = f"{self.place.partition('/')[2]}/{self.made['id']}/"
        return [name.removeprefix(prefix) for name in self.store.objects() if name.startswith(prefix)]

    def marks(self) -> list[str]:
        """What the list says of the backup."""
        marks: list[str] = self.backups.listing().result(TASK)["backups"][0]["marks"]
        return marks

    def fetch(self) -> Path:
        """A folder with everything that is there."""
        folder = self.backups.folder / "fetched" / str(self.made["id"])
        self.store.rclone("copy", f"vault:{self.place}/{self.made['id']}", str(folder))
        return folder

    def wrong_config(self) -> Path:
        """A file of rclone whose secret is not quite the store's."""
        path = self.backups.folder / "wrong.conf"
        path.write_text(self.store.config.read_text().replace(SECRET, SECRET + "-not"))
        return self.own(path)

    def own(self, path: Path) -> Path:
        """Give a file to the plain user whom the modules run as, for nobody else to read."""
        path.chmod(0o600)
        os.chown(path, self.backups.cluster.user.uid, self.backups.cluster.user.gid)
        return path


@pytest.fixture
def copies(backups: Backups, store: Store) -> Copies:
    return Copies(backups, store)


def key_pair(copies: Copies, name: str) -> tuple[str, Path]:
    """A public age key, and the file with the private one."""
    path = copies.backups.folder / name
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    public = next(line for line in path.read_text().splitlines() if "public key" in line)
    return public.split()[-1], copies.own(path)


def test_copy_is_the_backup_and_its_index_and_is_sent_once(copies: Copies) -> None:
    done = copies(copies.target()).result(TASK)
    assert done["copied_to"] == ["vault"]
    assert done["copies"]["vault"]["objects"] == 3
    assert copies.objects() == ["copy.json", "files.tar.gz", "manifest.json", SEAL]
    assert copies.marks() == ["copy at vault"]
    fetched = copies.fetch()
    for name in ("files.tar.gz", "manifest.json", SEAL):
        assert (fetched / name).read_bytes() == (copies.folder / name).read_bytes()
    assert copies.backups.listing("verified").result(TASK)["wrong"] == [], "the record of copies is no foreign file"
    assert not list((copies.backups.root / ".outgoing").iterdir())
    assert copies(copies.target()).result(TASK)["copies"] == done["copies"]


def test_age_copy_is_readable_by_its_private_key_only(copies: Copies) -> None:
    public, private = key_pair(copies, "key")
    done = copies(copies.target(encrypt="age", recipient=public)).result(TASK)
    assert done["copies"]["vault"]["compared"] == "checksums"
    assert copies.objects() == ["copy.json", "files.tar.gz.age", "manifest.json.age", f"{SEAL}.age"]
    fetched = copies.fetch()
    for path in fetched.iterdir():
        assert b"sentinel-content" not in path.read_bytes()
        assert path.name == "copy.json" or path.read_bytes().startswith(b"age-encryption.org/v1")
    _, other = key_pair(copies, "other")
    packed = fetched / "files.tar.gz.age"
    back, wrong = (
        subprocess.run(["age", "--decrypt", "-i", key, packed], check=False, capture_output=True)
        for key in (private, other)
    )
    assert back.stdout == (copies.folder / "files.tar.gz").read_bytes()
    assert wrong.returncode != 0


def test_content_is_compared_where_the_private_key_is(copies: Copies) -> None:
    public, private = key_pair(copies, "key")
    done = copies(copies.target(encrypt="age", recipient=public, identity=str(private))).result(TASK)
    assert done["copies"]["vault"]["compared"] == "content"
    _, other = key_pair(copies, "other")
    target = copies.target(name="second", encrypt="age", recipient=public, identity=str(other))
    assert "age ended with status 1" in copies(target).failure()["why"]


def test_gpg_copy_is_readable_by_its_private_key(copies: Copies) -> None:
    home = copies.backups.folder / "g"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--batch", "--quiet", "--homedir", str(home), "--passphrase", ""]

    def run(*words: str) -> bytes:
        return subprocess.run([*gpg, *words], check=True, capture_output=True).stdout

    run("--quick-generate-key", "copies@example.org", "rsa2048", "encr")
    exported = run("--armor", "--export").decode()
    secret = copies.backups.folder / "secret.asc"
    secret.write_bytes(run("--pinentry-mode", "loopback", "--armor", "--export-secret-keys"))
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=True)
    target = copies.target(encrypt="gpg", recipient=exported, identity=str(copies.own(secret)))
    assert copies(target).result(TASK)["copies"]["vault"]["compared"] == "content"
    assert copies.objects() == ["copy.json", "files.tar.gz.gpg", "manifest.json.gpg", f"{SEAL}.gpg"]


# Sends what it is told to, and writes over one object before anybody can ask what came of it.
SPOILING = """#!/bin/sh
{rclone} "$@" || exit
case " $* " in
*" copy "*) {rclone} --config {config} copyto --ignore-times --s3-no-check-bucket {other} {object} ;;
esac
"""


@pytest.mark.fault("copy damaged at the target", ends="found")
def test_what_differs_there_is_found_and_the_manifest_is_not_sent(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes over an object as soon as it is sent, so the store answers with another content."""
    programs, other = copies.backups.folder / "spoiling", copies.backups.folder / "other"
    programs.mkdir()
    other.write_bytes(b"x" * (copies.folder / "files.tar.gz").stat().st_size)
    copies.own(other)
    (programs / "rclone").write_text(
        SPOILING.format(
            rclone=shutil.which("rclone"),
            config=copies.store.config,
            other=other,
            object=f"vault:{copies.place}/{copies.made['id']}/files.tar.gz",
        )
    )
    for path in (programs, programs / "rclone"):
        path.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        failure = copies(copies.target()).failure()
    assert "differs from what was sent: files.tar.gz" in failure["why"]
    assert "manifest.json" not in copies.objects()
    assert copies.marks() == ["COPY FAILED: vault"]
    assert copies(copies.target()).result(TASK)["copied_to"] == ["vault"], "the next try mends it"
    assert copies.marks() == ["copy at vault"]


# The disk is full as soon as there is something to encrypt, so nobody could know it before.
FILLING = """#!/bin/sh
head --bytes=64M /dev/zero 2> /dev/null > {disk}/filler
exec {age} "$@"
"""


@pytest.mark.fault("disk full: copies", ends="found", where="while a copy is encrypted")
@pytest.mark.parametrize("small_disk", ["size=24m"], indirect=True)
def test_disk_that_fills_up_while_a_copy_is_encrypted(
    small_disk: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, _ = key_pair(copies, "key")
    target = copies.target(encrypt="age", recipient=public)
    programs = copies.backups.folder / "filling"
    programs.mkdir()
    (programs / "age").write_text(FILLING.format(disk=small_disk, age=shutil.which("age")))
    for path in (programs, programs / "age"):
        path.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        why = copies(target).failure()["why"]
    assert "no space left" in why
    assert f"cannot be recorded in {copies.folder}" in why
    assert not list((small_disk / ".outgoing").iterdir())
    assert "are free" in copies(target).failure()["why"], "it is asked before, and is full"
    (small_disk / "filler").unlink()
    assert copies.backups.listing("verified").result(TASK)["wrong"] == []
    assert copies(target).result(TASK)["copied_to"] == ["vault"]


@pytest.mark.fault("disk full: copies", ends="found", where="in the store")
def test_store_without_room_gets_no_manifest(copies: Copies) -> None:
    """The store's own words are told; another one is tried all the same."""
    with disk("size=512m") as small, stores.running(copies.backups.cluster.user, below=small) as full:
        cramped = copies.target(name="full", config=str(full.config))
        assert copies(cramped).result(TASK)["copied_to"] == ["full"], "it is a good store"
        noise = copies.backups.folder / "media" / "noise"  # what fits into no corner of what the store has already
        noise.write_bytes(os.urandom(4_000_000))
        noise.chmod(0o644)
        copies.made = copies.backups.make(paths=[str(noise.parent)], service="", proof_service="")
        fill_up(small)
        result = copies(cramped, copies.target(), required=False).result(TASK)
        assert result["copied_to"] == ["vault"]
        assert result["copy_warnings"][0].startswith("copy to full: ")
        there = [name for name in full.objects() if str(copies.made["id"]) in name]
        assert not [name for name in there if name.endswith("manifest.json")]
    listed = copies.backups.listing().result(TASK)["backups"]
    assert [sorted(backup["marks"]) for backup in listed] == [["copy at full"], ["COPY FAILED: full", "copy at vault"]]


def test_failed_copy_is_a_warning_where_it_is_not_required(copies: Copies) -> None:
    bad = copies.target(config=str(copies.wrong_config()))
    result = copies(bad, copies.target(name="good"), required=False).result(TASK)
    assert result["copied_to"] == ["good"], "one that fails does not keep the next from its own"
    assert result["copy_warnings"][0].startswith("copy to vault: ")
    assert sorted(copies.marks()) == ["COPY FAILED: vault", "copy at good"]
    assert copies(bad).failure()["what"] == "A copy of the backup failed"


def test_damaged_backup_is_not_copied(copies: Copies) -> None:
    with (copies.folder / "files.tar.gz").open("ab") as stream:
        stream.write(b"x")
    assert "is damaged" in copies(copies.target()).failure()["what"]
    assert copies.objects() == []


def test_targets_are_asked_before_a_release(copies: Copies) -> None:
    assert copies(copies.target(), state="checked").result(TASK)["copy_warnings"] == []
    assert copies.objects() == []
    open_to_all = copies.backups.folder / "open.conf"
    shutil.copy(copies.store.config, open_to_all)
    copies.own(open_to_all).chmod(0o640)
    wrong = ({"to": "unknown:copies/x"}, {"config": "/nowhere/rclone.conf"}, {"config": str(open_to_all)})
    bad = [copies.target(name=f"bad{number}", **words) for number, words in enumerate(wrong)]
    warnings = copies(*bad, state="checked", required=False).result(TASK)["copy_warnings"]
    assert len(warnings) == 3
    assert "read by others" in warnings[2]
    assert copies(*bad, state="checked").failure()["what"].endswith("cannot be made")


def test_secret_is_in_no_answer_record_or_process_list(copies: Copies) -> None:
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        seen.add((process / name).read_bytes().decode("utf-8", "replace"))
                    except OSError:
                        continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        played = copies(copies.target(), copies.target(name="bad", config=str(copies.wrong_config())))
    finally:
        done.set()
        watcher.join()
    assert any("hashsum" in text for text in seen)
    kept = [path.read_bytes().decode("utf-8", "replace") for path in copies.backups.root.rglob("*") if path.is_file()]
    everything = [*seen, *kept, played.output, json.dumps(played.answers)]
    assert SECRET in copies.store.config.read_text()
    assert [text[:200] for text in everything if SECRET in text] == []


AGE = "age1" + "q" * 58


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"name": "a b"}, "its name"),
        ({"kind": "ftp"}, "its kind"),
        ({"to": ":s3,secret_access_key=x:bucket"}, "`to` is"),
        ({"to": "vault:bucket/../other"}, "`to` is"),
        ({"to": "vault:bucket --config=x"}, "`to` is"),
        ({"kind": "rsync", "to": "-oProxyCommand=id@host:/x"}, "`to` is"),
        ({"kind": "rsync", "to": "me@-host:/x"}, "`to` is"),
        ({"kind": "rsync", "to": "me@host:/x y"}, "`to` is"),
        ({"kind": "rsync", "to": "me@host:/x", "port": "22 -oX"}, "its port"),
        ({"kind": "rsync", "to": "me@host:/x", "port": 70000}, "its port"),
        ({"kind": "rsync", "to": "me@host:/x", "key": "/k -oProxyCommand=id"}, "its files"),
        ({"config": "relative.conf"}, "its files"),
        ({"encrypt": "rot13"}, "encrypt is"),
        ({"encrypt": "age"}, "recipient is"),
        ({"recipient": AGE}, "recipient is"),
        ({"encrypt": "gpg", "recipient": AGE}, "recipient is"),
        ({"encrypt": "age", "recipient": "AGE-SECRET-KEY-1QQQQ"}, "private key"),
        ({"encrypt": "gpg", "recipient": "-----BEGIN PGP PRIVATE KEY BLOCK-----"}, "private key"),
        ({"secret": "x"}, "no word secret"),
    ],
)
def test_target_that_says_more_or_less_is_refused(words: dict[str, Any], why: str) -> None:
    with pytest.raises(Failure, match=why):
        targets.read([{"name": "vault", "kind": "s3", "to": "vault:bucket/x", **words}])


def test_two_targets_of_one_name_are_refused() -> None:
    one = {"name": "vault", "kind": "s3", "to": "vault:bucket/x"}
    with pytest.raises(Failure, match="one name"):
        targets.read([one, one])
