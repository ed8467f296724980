"""Is every damage to a kept backup found before it is used: to dumps, archives, manifests and their chain?"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_backups import beside, copies, manifest, pins, warm
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import choice

from tests.support.backups.backups import CONTRACT, TASK, Backups
from tests.support.backups.cluster import Cluster
from tests.support.faults.plugin import FaultLog
from tests.support.restores.restores import Restores

DAMAGES = 1000  # of random place, kind and extent


@pytest.fixture
def kept(filled: Cluster, backups: Backups) -> dict[str, Any]:
    """Two backups with a parallel dump and an archive; the newer one. No file of one is as in the other."""
    media = backups.folder / "media"
    media.mkdir()
    (media / "photo").write_bytes(bytes(range(256)) * 40)
    arguments = backups.arguments(paths=[str(media)], parallel_size=1)
    backups.tasks({"name": "First", "namaskah_backup": arguments})
    filled.sql("COMMENT ON SCHEMA public IS 'changed since'")
    return backups.tasks({"name": "Second", "namaskah_backup": arguments}).result("Second")


def wrongs(root: Path) -> list[str]:
    """Everything that a verification finds."""
    found, wrong = manifest.listed(root)
    further = [word for backup in found for word in manifest.damages(backup) + manifest.beside_damages(backup)]
    return wrong + manifest.broken_links(found) + further


def cut(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as stream:
        stream.truncate(chance.randrange(path.stat().st_size))


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def empty(path: Path, _: random.Random) -> None:
    path.write_bytes(b"")


def remove(path: Path, _: random.Random) -> None:
    path.unlink()


def grow(path: Path, chance: random.Random) -> None:
    with path.open("ab") as stream:
        stream.write(chance.randbytes(chance.randint(1, 4096)))


def zero(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    start = chance.randrange(len(data))
    data[start : start + 64] = b"\xff" * len(data[start : start + 64])
    path.write_bytes(data)


def add(path: Path, _: random.Random) -> None:
    path.with_name("further").write_text("x")


def link(path: Path, _: random.Random) -> None:
    other = path.with_name("elsewhere")
    path.rename(other)
    path.symlink_to(other)


KINDS: list[Callable[[Path, random.Random], None]] = [cut, flip, empty, remove, grow, zero, add, link]
# What each is in the record of injected faults.
RECORDED = {
    cut: "backup damaged: cut",
    flip: "backup damaged: bit flipped",
    empty: "backup damaged: emptied",
    remove: "backup damaged: file gone",
    grow: "backup damaged: file grown",
    zero: "backup damaged: overwritten",
    add: "backup damaged: file added",
    link: "backup damaged: link",
}


@pytest.mark.injects(*RECORDED.values())
def test_random_damage_is_always_found(
    kept: dict[str, Any], backups: Backups, tmp_path: Path, fault_log: FaultLog
) -> None:
    for damage, name in RECORDED.items():
        fault_log.inject(name, ends="found", where=f"about {DAMAGES // len(KINDS)} times {damage.__name__}")
    assert wrongs(backups.root) == []
    chance = random.Random(4)  # noqa: S311 - repeatable places, no secret
    originals = sorted(path for path in Path(kept["path"]).rglob("*") if path.is_file())
    assert len(originals) > 8
    missed = []
    for number in range(DAMAGES):
        root = tmp_path / "root"
        shutil.copytree(backups.root, root)
        original = originals[number % len(originals)]
        path = root / original.relative_to(backups.root)
        kind = chance.choice(KINDS)
        kind(path, chance)
        changed = path.is_symlink() or not path.exists() or path.read_bytes() != original.read_bytes() or kind is add
        if changed and not wrongs(root):
            missed.append(f"{kind.__name__} {path.relative_to(root)}")
        shutil.rmtree(root)
    assert missed == []


@pytest.mark.fault("backup damaged: manifest", ends="found")
def test_changed_manifest_is_found_by_the_next_and_by_its_reported_hash(kept: dict[str, Any], backups: Backups) -> None:
    found, _ = manifest.listed(backups.root)
    first, second = found
    assert second.sha256 == kept["manifest_sha256"]
    path = first.folder / manifest.FILE
    content = json.loads(path.read_text())
    content["live"]["commit"] = "b" * 40
    path.write_text(json.dumps(content))
    assert "differs from its hash" in backups.listing("verified").failure()["why"]
    # Whoever changes it on purpose writes its hash anew; the next manifest was tied to the old one.
    reseal(first.folder)
    failure = backups.listing("verified").failure()
    assert f"{first.id}: its manifest is not the one" in failure["why"]
    assert manifest.listed(backups.root)[0][0].sha256 != first.sha256


def reseal(folder: Path) -> None:
    """Write the hash of a manifest anew, as whoever changes it on purpose does."""
    sha256 = hashlib.sha256((folder / manifest.FILE).read_bytes()).hexdigest()
    (folder / manifest.SEAL).write_text(f"{sha256}  {manifest.FILE}\n")


@pytest.mark.fault(
    "backup damaged: manifest", ends="found", where="sealed anew, then restored, proved, copied, unpacked"
)
def test_manifest_that_was_changed_and_sealed_anew_is_used_for_nothing(kept: dict[str, Any], backups: Backups) -> None:
    """Its dump and its files are as they were: only the next manifest knows that it is another one."""
    first, second = manifest.listed(backups.root)[0]
    content = json.loads((first.folder / manifest.FILE).read_text())
    content["live"]["commit"] = "b" * 40
    content["proof"]["state"] = "pending"  # or nothing would be left to prove
    (first.folder / manifest.FILE).write_text(json.dumps(content))
    reseal(first.folder)
    common = {"contract": CONTRACT, "root": str(backups.root), "id": first.id}
    target = {"name": "aside", "kind": "rsync", "to": "nobody@127.0.0.1:/nowhere"}
    asked: dict[str, dict[str, Any]] = {
        "Prove": {"namaskah_backup": backups.arguments(state="proved", backup_id=first.id)},
        "Copy": {"namaskah_backup_copy": {**common, "targets": [target]}},
        "Unpack": {"namaskah_backup_extract": common},
    }
    played = backups.tasks(*({"name": name, **task, "ignore_errors": True} for name, task in asked.items()))
    said = {name: answer["failure"] for name, answer in played.answers}
    with pytest.raises(Failure) as caught:
        choice.chosen(Restores(backups.cluster, backups.folder).asked(), first.id, choice.ANY)
    said["Restore"] = caught.value.as_dict()
    assert set(said) == {*asked, "Restore"}
    for failure in said.values():
        assert failure["what"] == f"Backup {first.id} is not the one that was made"
        assert second.id in failure["why"]
    assert choice.chosen(Restores(backups.cluster, backups.folder).asked(), "", choice.ANY).id == kept["id"]


@pytest.mark.fault("backup damaged: manifest", ends="found", where="the records beside it")
def test_damaged_record_beside_a_manifest_is_named_and_never_believed(kept: dict[str, Any], backups: Backups) -> None:
    first, second = manifest.listed(backups.root)[0]
    pins.put(second, {"by": "asha", "reason": "the yearly one"})
    warm.record(second, {"database": "namaskah_warm_x", "service": "shop-proof", "owners": True})
    beside.write(second.folder / manifest.COPIES, {"far": {"state": "copied"}})
    beside.write(second.folder / manifest.PROOF, {**second.proof, "manifest_sha256": second.sha256})
    assert wrongs(backups.root) == []
    chance = random.Random(5)  # noqa: S311 - repeatable places, no secret

    def give_to_first(path: Path, _: random.Random) -> None:
        shutil.copy(path, first.folder)

    # A record of another backup is a whole record; a flipped bit may leave words that can be read.
    changes = [cut, empty, zero, *[flip] * 200, give_to_first]
    for name in (manifest.PIN, manifest.WARM, manifest.COPIES, manifest.PROOF):
        path = second.folder / name
        good = path.read_bytes()
        for change in changes:
            change(path, chance)
            found = wrongs(backups.root)
            assert any(name in word for word in found) or path.read_bytes() == good, change
            path.write_bytes(good)
            (first.folder / name).unlink(missing_ok=True)
        path.write_bytes(good.replace(b"a", b"b"))
    assert pins.of(second) is not None  # it may be the one that has to stay
    assert warm.of(second.folder) is None
    assert copies.of(second) == {}
    with pytest.raises(Failure, match="damaged"):
        manifest.require(backups.root, kept["id"])


@pytest.mark.fault("backup damaged: manifest", ends="found")
def test_manifest_of_another_backup_is_no_manifest(kept: dict[str, Any], backups: Backups) -> None:
    first, second = manifest.listed(backups.root)[0]
    shutil.copy(first.folder / manifest.FILE, second.folder / manifest.FILE)
    assert kept["id"] in backups.listing("verified").failure()["why"]


@pytest.mark.fault("backup damaged: files swapped", ends="found")
def test_swapped_files_are_found(kept: dict[str, Any], backups: Backups) -> None:
    first, second = (backup.folder / "database" / "toc.dat" for backup in manifest.listed(backups.root)[0])
    keep = first.read_bytes()
    shutil.copy(second, first)
    second.write_bytes(keep)
    assert len(wrongs(backups.root)) == 2
    assert kept["id"] in backups.listing("verified", kept["id"]).failure()["why"]


@pytest.mark.fault("backup damaged: manifest", ends="found")
def test_folder_without_manifest_is_no_backup_and_cannot_be_used(kept: dict[str, Any], backups: Backups) -> None:
    (Path(kept["path"]) / manifest.FILE).unlink()
    listed = backups.listing().result(TASK)
    assert [entry["id"] for entry in listed["backups"]] != []
    assert kept["id"] not in [entry["id"] for entry in listed["backups"]]
    assert any(kept["id"] in word for word in listed["wrong"])
    with pytest.raises(Failure):
        manifest.require(backups.root, kept["id"])


@pytest.mark.fault("backup damaged: cut", ends="found")
def test_damaged_dump_is_not_restored_for_a_proof(cluster: Cluster, backups: Backups) -> None:
    cluster.sql("CREATE TABLE bulk AS SELECT g, md5(g::text) AS t FROM generate_series(1, 1200000) g")
    pending = backups.make(proof="after")
    assert pending["proof"] == "pending"
    path = Path(pending["path"]) / "database.dump"
    cut(path, random.Random(1))  # noqa: S311 - a repeatable place, no secret
    failure = backups.fail(state="proved", backup_id=pending["id"])
    assert failure["what"].endswith("is damaged")
    assert "bytes, not" in failure["why"]


@pytest.mark.parametrize("name", ["../x", "", "20260101T000000Z-beef", "/etc"])
@pytest.mark.fault("hostile name", ends="refused")
def test_unknown_backup_is_refused(backups: Backups, name: str) -> None:
    assert backups.play(state="proved", backup_id=name).failure()["class"] == "refused"
