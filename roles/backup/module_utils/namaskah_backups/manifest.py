"""What makes a folder a backup: the manifest, written last. How manifests are listed, chained and verified."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import write_text

from . import beside, shape
from .dump import checksum

FILE = "manifest.json"
SEAL = "manifest.json.sha256"  # the manifest's own hash, written before it, as `sha256sum --check` reads it
PROOF = "proof.json"  # a proof that was made after the manifest, which never changes
FORMAT = 1
ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-z]{1,16}")
PIN = "pin.json"  # that somebody wants it kept; see pins.py
WARM = "warm.json"  # that its proved copy is kept as a database; see warm.py
COPIES = "copies.json"  # what is known of copies elsewhere; see copies.py
NO_MANIFEST = "it has no manifest"
_BESIDE = {FILE, SEAL, PROOF, PIN, WARM, COPIES}
_HALF = re.compile(r"\.(?:proof|pin|warm|copies)\.json\.\d+\.new")  # what a killed writer of a record leaves


@dataclass(frozen=True)
class Backup:
    """A complete backup: its folder, its manifest, the manifest's own hash and the newest proof."""

    folder: Path
    content: dict[str, Any]
    sha256: str
    proof: dict[str, Any]

    @property
    def id(self) -> str:
        """The backup's name."""
        return self.folder.name


def write(folder: Path, content: dict[str, Any]) -> str:
    """Write the manifest atomically and durably, and give back its SHA-256; from now on the folder is a backup."""
    text = json.dumps({**content, "sealed": True}, indent=2, sort_keys=True) + "\n"
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    write_text(folder / SEAL, f"{sha256}  {FILE}\n", 0o600)
    write_text(folder / FILE, text, 0o600)
    return sha256


def read(folder: Path) -> Backup | None:
    """The backup in a folder; None where no manifest is. Raises Failure when the manifest is damaged."""
    path = folder / FILE
    try:
        data = path.read_bytes()
        content = json.loads(data)
        if content["format"] != FORMAT or content["id"] != folder.name:
            raise _damaged(path, "it is of another format, or of another backup")
        if why := _unfit(content):
            raise _damaged(path, why)
        _check_seal(folder, content, hashlib.sha256(data).hexdigest())
        proof = _later_proof(folder, hashlib.sha256(data).hexdigest()) or content["proof"]
        return Backup(folder, content, hashlib.sha256(data).hexdigest(), proof)
    except FileNotFoundError:
        return None
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, f"it is not a manifest: {error}") from error


def _unfit(content: dict[str, Any]) -> str:
    """Return what of a manifest nobody could read; "" where all can. Raises KeyError, TypeError or ValueError as well.

    Its files stand in its folder: what it says of the dump or the archive is of one of them.
    """
    if why := shape.wrong(content, shape.MANIFEST):
        return why
    previous = content["previous"]
    if previous is not None and (why := shape.wrong(previous, {"id": shape.TEXT, "sha256": shape.TEXT}, "previous")):
        return why
    if datetime.fromisoformat(content["started"]).tzinfo is None:
        return "started has no time zone"
    for part in ("database", "archive"):
        name = content.get(part, {}).get("file")
        if name is not None and not any(file == name or file.startswith(f"{name}/") for file in content["files"]):
            return f"its {part} is none of its files"
    return ""


def _check_seal(folder: Path, content: dict[str, Any], sha256: str) -> None:
    """The newest manifest has no next one that is tied to it: its seal shows what happened to it on the disk."""
    path = folder / SEAL
    if content.get("sealed") or path.exists():
        sealed = path.read_text() if path.exists() else ""
        if sealed != f"{sha256}  {FILE}\n":
            raise _damaged(folder / FILE, f"it differs from its hash in {SEAL}")


def _later_proof(folder: Path, sha256: str) -> dict[str, Any] | None:
    proof = beside.read(folder / PROOF)
    if proof is not None and proof["manifest_sha256"] != sha256:
        raise _damaged(folder / PROOF, "it is the proof of another manifest")
    return proof


def folders(root: Path) -> list[Path]:
    """Folders below the backup root that have a backup's name, oldest first; complete or not."""
    return sorted(
        entry for entry in root.iterdir() if ID.fullmatch(entry.name) and entry.is_dir() and not entry.is_symlink()
    )


def listed(root: Path) -> tuple[list[Backup], list[str]]:
    """All readable backups, oldest first by their own numbers, and what is wrong with the others."""
    backups, wrong = [], []
    for folder in folders(root):
        try:
            backup = read(folder)
        except Failure as failure:
            wrong.append(f"{folder.name}: {failure.what} ({failure.why})")
            continue
        if backup is None:
            wrong.append(f"{folder.name}: {NO_MANIFEST}, so it is no backup; the next backup removes it")
        else:
            backups.append(backup)
    return sorted(backups, key=lambda backup: (backup.content["number"], backup.id)), wrong


def link(backups: list[Backup]) -> dict[str, Any]:
    """What ties the next manifest to the newest of `backups`: its number, and the name and hash of the one before."""
    if not backups:
        return {"number": 1, "previous": None}
    last = backups[-1]
    return {"number": last.content["number"] + 1, "previous": {"id": last.id, "sha256": last.sha256}}


def broken_links(backups: list[Backup]) -> list[str]:
    """Where the chain of hashes shows that a manifest was changed. A link to a removed backup is not broken."""
    return [
        f"{before.id}: its manifest is not the one that {after.id} was tied to; it was changed afterwards"
        for before, after in _untied(backups)
    ]


def _untied(backups: list[Backup]) -> Iterator[tuple[Backup, Backup]]:
    """Each backup whose manifest is another one than the next was tied to, and that next one."""
    known = {backup.id: backup for backup in backups}
    for after in backups:
        previous = after.content["previous"]
        before = known.get(previous["id"]) if previous else None
        if before is not None and before.sha256 != previous["sha256"]:
            yield before, after


def damages(backup: Backup) -> list[str]:
    """What is wrong with the files of a backup: missing, of another size or content, or too many."""
    said = []
    expected = backup.content["files"]
    for name, wanted in sorted(expected.items()):
        path = backup.folder / name
        if not path.is_file() or path.is_symlink():
            said.append(f"{backup.id}/{name} is missing")
        elif path.stat().st_size != wanted["size"]:
            said.append(f"{backup.id}/{name} has {path.stat().st_size} bytes, not {wanted['size']}")
        elif checksum(path) != wanted:
            said.append(f"{backup.id}/{name} has another content than was written")
    found = {str(path.relative_to(backup.folder)) for path in backup.folder.rglob("*") if not path.is_dir()}
    foreign = [name for name in sorted(found - set(expected) - _BESIDE) if not _HALF.fullmatch(name)]
    said += [f"{backup.id}/{name} does not belong to the backup" for name in foreign]
    return said


def beside_damages(backup: Backup) -> list[str]:
    """What is wrong with the records beside a manifest. None of them is needed to restore the backup."""
    said = []
    for name in (PIN, WARM, COPIES):
        try:
            beside.read(backup.folder / name)
        except Failure as failure:
            said.append(f"{backup.id}: {failure.why}")
    return said


def require(root: Path, backup_id: str) -> Backup:
    """The backup of that name, its files unharmed and its manifest the one that the next is tied to. Raises Failure.

    No word makes a changed manifest usable: whoever trusts it nevertheless restores its dump by hand.
    """
    backup = read(root / backup_id) if ID.fullmatch(backup_id) else None
    if backup is None:
        why = "there is no backup of that name"
        raise Failure(
            "refused", f"Backup {backup_id[:40]!r} cannot be used", str(root), why, "see `namaskah-deploy backups`"
        )
    for before, after in _untied(listed(root)[0]):
        if before.id == backup.id:
            why = f"its manifest is not the one that {after.id} was tied to: one of the two was changed afterwards"
            next_step = f"use another backup; if it is {after.id} that was changed, move that one away"
            raise Failure(
                "failed", f"Backup {backup.id} is not the one that was made", str(backup.folder), why, next_step
            )
    wrong = damages(backup)
    if wrong:
        next_step = "use an older backup, or a copy of this one; find out who changed it"
        raise Failure("failed", f"Backup {backup.id} is damaged", str(backup.folder), "; ".join(wrong), next_step)
    return backup


def _damaged(path: Path, why: str) -> Failure:
    return Failure(
        "failed", "A backup's manifest is damaged", str(path), why, "use another backup; keep this one for inquiry"
    )
