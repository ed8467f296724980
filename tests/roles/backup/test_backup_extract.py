"""Is a hostile archive refused as a whole, with nothing written anywhere, and a good one unpacked byte for byte?"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_backups import archive, extract
from ansible.module_utils.namaskah_backups.members import Limits
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.backups.backups import CONTRACT, TASK, Backups, asked
from tests.support.backups.content import NAMES

Change = Callable[[tarfile.TarInfo], None]
SMALL = Limits(entries=50, size=1 << 20)


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"x", **words: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.size = len(content) if kind in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE) else 0
    for word, value in words.items():
        setattr(info, word, value)
    return info, content


def folder(name: str, **words: object) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, tarfile.DIRTYPE, b"", **words)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, kind, b"", linkname=target)


def packed(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT, tail: bytes = b"") -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form) as target:
        for info, content in entries:
            target.addfile(info, io.BytesIO(content) if info.size else None)
    return gzip.compress(raw.getvalue() + tail)


def renamed(old: bytes, new: bytes, *entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    """The archive of `entries` with a name in a header changed to one that tarfile would not write, sums mended."""
    raw = bytearray(gzip.decompress(packed(*entries, form=form)))
    place = raw.index(old)
    raw[place : place + len(old)] = new.ljust(len(old), b"\0")
    header = place - place % 512
    raw[header + 148 : header + 156] = b" " * 8
    total = sum(raw[header : header + 512])
    raw[header + 148 : header + 156] = f"{total:06o}\0 ".encode()
    return gzip.compress(bytes(raw))


def claimed(size: int) -> bytes:
    """A file whose header claims a size that is not there."""
    info, _ = entry("media/big")
    info.size = size
    head = info.tobuf(tarfile.GNU_FORMAT)
    return gzip.compress(folder("media")[0].tobuf() + head + b"x" * 512 + b"\0" * 1024)


def long_header(size: int) -> bytes:
    """A pax header that claims so many bytes: tarfile would read it in one go."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, size
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 4096)


def pax(**headers: str) -> bytes:
    return packed(folder("media"), entry("media/a", pax_headers=headers))


def global_pax() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x"}) as target:
        target.addfile(folder("media")[0])
    return gzip.compress(raw.getvalue())


def flipped(data: bytes, place: float) -> bytes:
    changed = bytearray(data)
    changed[int(len(data) * place)] ^= 0x10
    return bytes(changed)


TOP = folder("media")
GOOD = packed(TOP, *(entry(f"media/{number}", content=os.urandom(700)) for number in range(9)))
HOSTILE: dict[str, bytes] = {
    "absolute path": packed(entry("/var/namaskah-evil")),
    "absolute folder": packed(folder("/var/namaskah-evil")),
    "double slash": renamed(b"media/aab", b"media//ab", TOP, entry("media/aab")),
    "slash at the front": renamed(b"media/aab", b"//edia/ab", TOP, entry("media/aab")),
    "dot dot": packed(entry("../evil")),
    "dot dot in the middle": packed(TOP, entry("media/../../evil")),
    "dot dot at the end": packed(TOP, entry("media/..")),
    "dot dot folder": packed(folder("..")),
    "dot": packed(folder(".")),
    "dot in the middle": packed(TOP, entry("media/./a")),
    "deep dot dot": packed(TOP, folder("media/a"), entry("media/a/../../../evil")),
    "dot dot by pax": pax(path="media/../../evil"),
    "absolute by pax": pax(path="/var/namaskah-evil"),
    "empty name by pax": pax(path=""),
    "symbolic link": packed(TOP, link("media/a", "b")),
    "symbolic link out": packed(TOP, link("media/a", "../../etc/passwd")),
    "symbolic link absolute": packed(TOP, link("media/a", "/etc/passwd")),
    "symbolic link, then a file through it": packed(TOP, link("media/a", "/var"), entry("media/a/evil")),
    "symbolic link, then a folder of its name": packed(
        TOP, link("media/a", "/var"), folder("media/a"), entry("media/a/evil")
    ),
    "symbolic link as the top": packed(link("media", "/var"), entry("media/evil")),
    "symbolic link to itself": packed(TOP, link("media/a", "a")),
    "long symbolic link": packed(TOP, link("media/a", "x/" * 3000)),
    "symbolic link by pax": pax(linkpath="/etc/passwd"),
    "hard link": packed(TOP, entry("media/a"), link("media/b", "media/a", tarfile.LNKTYPE)),
    "hard link out": packed(TOP, link("media/b", "../../etc/shadow", tarfile.LNKTYPE)),
    "hard link, then a file through it": packed(TOP, link("media/b", "/etc/shadow", tarfile.LNKTYPE), entry("media/b")),
    "link in a file's header": renamed(b"etcpasswd", b"etcpasswd", TOP, entry("media/a", linkname="etcpasswd")),
    "character device": packed(TOP, entry("media/null", tarfile.CHRTYPE, b"", devmajor=1, devminor=3)),
    "block device": packed(TOP, entry("media/sda", tarfile.BLKTYPE, b"", devmajor=8)),
    "pipe": packed(TOP, entry("media/pipe", tarfile.FIFOTYPE, b"")),
    "contiguous file": packed(TOP, entry("media/a", tarfile.CONTTYPE)),
    "sparse file": packed(TOP, entry("media/a", tarfile.GNUTYPE_SPARSE, b""), form=tarfile.GNU_FORMAT),
    "sparse by pax": pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "/var/evil"}),
    "unknown kind": packed(TOP, entry("media/a", b"Z")),
    "volume label": packed(TOP, entry("media/a", b"V", b"")),
    "set user": packed(TOP, entry("media/a", mode=0o4755)),
    "set group": packed(TOP, entry("media/a", mode=0o2755)),
    "sticky": packed(TOP, entry("media/a", mode=0o1755)),
    "set group on a folder": packed(folder("media", mode=0o2755)),
    "set user by pax, too": packed(TOP, entry("media/a", mode=0o6755, pax_headers={"path": "media/b"})),
    "the same file twice": packed(TOP, entry("media/a"), entry("media/a")),
    "a folder that is a file as well": packed(TOP, entry("media/a"), folder("media/a")),
    "a file below a file": packed(TOP, entry("media/a"), entry("media/a/b")),
    "no folder for it": packed(entry("media/a")),
    "a folder with content": renamed(b"media/xxx", b"media/xxx", entry("media/xxx", tarfile.DIRTYPE, b"", size=0), TOP),
    "too many entries": packed(TOP, *(entry(f"media/{number}") for number in range(60))),
    "too many bytes": packed(TOP, entry("media/a", content=b"\0" * (2 << 20))),
    "too many bytes in many": packed(TOP, *(entry(f"media/{number}", content=b"\0" * 40_000) for number in range(40))),
    "a size that is not there": claimed(1 << 19),
    "a size beyond every disk": claimed(1 << 62),
    "a header of a gigabyte": long_header(1 << 30),
    "a negative size by pax": pax(size="-1"),
    "a size that is no number": pax(size="x"),
    "a foreign header": pax(**{"SCHILY.xattr.security.capability": "x"}),
    "a header for all": global_pax(),
    "a negative time": packed(TOP, entry("media/a", mtime=-5)),
    "a name that is too long": packed(TOP, entry("media/" + "n" * 300)),
    "a path that is too long": packed(*(folder("/".join(["d" * 200] * depth)) for depth in range(1, 26))),
    "a path that is too deep": packed(
        *(folder("/".join("d" * depth)) for depth in range(1, 49)), entry("/".join("e" * 200))
    ),
    "something behind the end": packed(TOP, tail=b"\0" * 2048 + b"#!/bin/sh"),
    "a second archive behind the first": packed(TOP) + packed(entry("../evil")),
    "cut in the middle": GOOD[: len(GOOD) // 2],
    "cut before the checksum": GOOD[:-6],
    "a flipped bit at the front": flipped(GOOD, 0.2),
    "a flipped bit at the end": flipped(GOOD, 0.8),
    "not packed": b"plain text\n" * 100,
    "nothing": b"",
    "packed nonsense": gzip.compress(os.urandom(4096)),
    "a packed bomb": gzip.compress(b"\0" * (40 << 20)),
}


@pytest.mark.fault("archive hostile", ends="refused")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    path, place = tmp_path / archive.FILE, tmp_path / "place"
    path.write_bytes(HOSTILE[name])
    place.mkdir()
    started = time.monotonic()
    with pytest.raises(Failure) as refusal:
        extract.extract(path, place / "files", limits=SMALL)
    assert refusal.value.kind == "refused"
    assert "by other means" in refusal.value.next_step
    assert list(place.iterdir()) == []
    assert {entry.name for entry in tmp_path.iterdir()} == {archive.FILE, "place"}
    assert not Path("/var/namaskah-evil").exists()
    assert time.monotonic() - started < 20


def test_there_are_at_least_sixty_of_them() -> None:
    assert len(HOSTILE) >= 60


def test_what_we_write_comes_back_byte_for_byte(tmp_path: Path) -> None:
    media = tmp_path / "media"
    (media / "deep" / "deeper").mkdir(parents=True)
    for name in NAMES:
        (media / "deep" / name).write_bytes(os.urandom(300))
    (media / "program").write_text("x")
    (media / "program").chmod(0o4755)
    (media / "empty").mkdir()
    os.utime(media / "deep", (1_000_000, 1_000_000))
    (tmp_path / "backup").mkdir()
    listing = archive.make(asked(tmp_path, media), tmp_path / "backup")
    target = tmp_path / "back" / "files"
    extract.extract(tmp_path / "backup" / archive.FILE, target, listing.summary())
    wanted = {path.relative_to(media): path.read_bytes() for path in media.rglob("*") if path.is_file()}
    found = {path.relative_to(target / "media"): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == wanted
    assert (target / "media" / "empty").is_dir()
    assert stat.S_IMODE((target / "media" / "program").stat().st_mode) == 0o755
    assert (target / "media" / "deep").stat().st_mtime == 1_000_000


def test_archive_that_differs_from_its_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / archive.FILE
    path.write_bytes(GOOD)
    with pytest.raises(Failure, match="9 files, not 10"):
        extract.extract(path, tmp_path / "files", {"files": 10, "folders": 1, "size": 6300})
    extract.extract(path, tmp_path / "files", {"files": 9, "folders": 1, "size": 6300})


def test_nothing_is_written_over_what_is_there(tmp_path: Path) -> None:
    path, target = tmp_path / archive.FILE, tmp_path / "files"
    path.write_bytes(GOOD)
    target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(Failure, match="there already"):
        extract.extract(path, target)
    assert not (tmp_path / "nowhere").exists()


def test_module_unpacks_a_backups_files_beside_it(backups: Backups) -> None:
    media = backups.folder / "media"
    media.mkdir()
    (media / "photo").write_bytes(os.urandom(1000))
    (media / "photo").chmod(0o644)
    made = backups.make(paths=[str(media)], service="", proof_service="")
    words = {"contract": CONTRACT, "root": str(backups.root), "id": made["id"]}
    task = {"name": TASK, "namaskah_backup_extract": words}
    found = backups.tasks(task).result(TASK)
    assert (Path(found["folder"]) / "media" / "photo").read_bytes() == (media / "photo").read_bytes()
    assert "there already" in backups.tasks(task).failure()["why"]
    assert [entry["id"] for entry in backups.listing("verified").result(TASK)["backups"]] == [made["id"]]
