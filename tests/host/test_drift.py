"""Is every change by hand seen, and nothing that a release does by itself? On real releases in folders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import activation, content, drift, provisioned, readiness, switch
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.files import point, write_json
from ansible.module_utils.namaskah_host.instances import Instance
from ansible.module_utils.namaskah_host.release import Release

from tests.support.faults.plugin import FaultLog
from tests.support.folder_host import FolderHost
from tests.support.waiting import until


def make(folder: Path) -> Path:
    """A folder like a release: code, bytecode, a link, and its record."""
    (folder / "package" / "__pycache__").mkdir(parents=True)
    (folder / ".namaskah").mkdir()
    (folder / "app.py").write_text("one = 1\n")
    (folder / "package" / "module.py").write_text("two = 2\n")
    (folder / "media").symlink_to("../shared/media")
    content.record(folder, folder / ".namaskah" / "files.json")
    return folder


def edit_and_hide(folder: Path) -> None:
    """Edit a file and give it its length and its time back, as a patch tool may."""
    file = folder / "app.py"
    before = file.stat()
    file.write_text("one = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def repoint(folder: Path) -> None:
    point(folder / "media", "../elsewhere")


def replace(folder: Path) -> None:
    (folder / "app.py").unlink()
    (folder / "app.py").symlink_to("package/module.py")


CHANGES: list[tuple[Callable[[Path], object], str]] = [
    (edit_and_hide, "app.py was edited"),
    (lambda folder: (folder / "package" / "module.py").unlink(), "package/module.py is gone"),
    (lambda folder: (folder / "package" / "hotfix.py").write_text("x"), "package/hotfix.py was added"),
    (lambda folder: (folder / "app.py").chmod(0o777), "app.py was chmodded"),
    (repoint, "media was re-pointed"),
    (replace, "app.py was replaced"),
]


@pytest.mark.fault("drift: edited file", ends="found")
@pytest.mark.parametrize(("change", "told"), CHANGES, ids=[told for _, told in CHANGES])
def test_a_change_of_a_file_is_told(tmp_path: Path, change: Callable[[Path], object], told: str) -> None:
    folder = make(tmp_path / "release")
    place = folder / ".namaskah" / "files.json"
    assert content.differences(folder, place) == []
    change(folder)
    assert content.differences(folder, place) == [told]


def test_what_a_release_does_by_itself_is_no_change(tmp_path: Path) -> None:
    folder = make(tmp_path / "release")
    place = folder / ".namaskah" / "files.json"
    subprocess.run([sys.executable, "-m", "compileall", "-q", folder], check=True)
    (folder / ".release.json").write_text("{}")
    (folder / "run").symlink_to("/run/app/blue")
    os.utime(folder / "app.py")  # read and found to be the same
    (folder / "counts.db").write_text("1")
    assert content.differences(folder, place, ["*.db"]) == []
    assert content.differences(folder, folder / "no-record") == []


def names(host: FolderHost) -> list[str]:
    return [difference.name for difference in drift.found(host.contract)]


def complaints(contract: Contract) -> list[dict[str, str]]:
    """What the preflight of a deploy refuses for differences from the records."""
    run = {"id": "next", "kind": "deploy", "commit": "", "ref": "main"}
    return [one for one in readiness.examine(contract, run, 0) if one["check"].startswith("drift")]


def live(host: FolderHost) -> Release:
    run = host.prepared()
    activation.activate(host.contract, run, 60)
    activation.confirm(host.contract, run)
    until(lambda: switch.read(host.contract) is None, "the end of the switch", 60)
    return Release(host.contract, run["release"])


@pytest.mark.injects("drift: edited file", "drift: current moved")
def test_each_difference_has_its_name_and_its_override(host: FolderHost, fault_log: FaultLog) -> None:
    release = live(host)
    assert names(host) == []
    (release.folder / "server.py").write_text((release.folder / "server.py").read_text() + "# hotfix\n")
    assert names(host) == ["drift-files"]
    venv = host.contract.root / "venvs" / release.record["venv"]
    content.record(venv, venv / ".files.json")  # the one that these hosts share was not made by a release
    (next(venv.glob("lib/python*/site-packages")) / "hotfix.pth").write_text("")
    assert names(host) == ["drift-files", "drift-files"]
    fault_log.inject("drift: edited file", ends="found", where="virtualenv")
    other = host.prepared()
    point(host.contract.current, f"releases/{other['release']}")
    assert set(names(host)) == {"drift-current"}, "a virtualenv that was changed is given to no other release"
    fault_log.inject("drift: current moved", ends="found")
    told = {complaint[0] for complaint in readiness.state(host.contract, {"commit": ""})}
    assert told == {"drift-current"}
    allowed = Contract({**host.contract.raw, "allow": ["drift"]})
    assert list(readiness.state(allowed, {"commit": ""})) == []


@pytest.mark.fault("drift: stale process", ends="found", where="the folder that it was started from was moved away")
def test_a_process_of_another_folder_is_told_and_refused(host: FolderHost) -> None:
    """As after a reload that kept the resolved old folder."""
    release = live(host)
    moved = release.folder.with_name("moved-away")
    release.folder.rename(moved)
    release.folder.mkdir()
    for entry in moved.iterdir():
        point(release.folder / entry.name, str(entry.readlink()) if entry.is_symlink() else str(entry))
    told = [str(one) for one in drift.found(host.contract) if one.name == "drift-process"]
    assert len(told) == 2, "both services"
    assert all(f"runs from {moved}, not from {release.folder} [drift-process]" in one for one in told)
    refused = [complaint["why"] for complaint in complaints(host.contract) if complaint["check"] == "drift-process"]
    assert told == [f"{why} [drift-process]" for why in refused]


@pytest.mark.fault("process manager lists a dead process", ends="found", where="status and preflight")
def test_a_listed_process_that_is_dead_is_told(host: FolderHost) -> None:
    release = live(host)
    assert names(host) == []
    (host.runtime / str(release.instance) / "end").touch()
    until(lambda: "drift-process" in names(host), "a process that was not started for the release", 30)
    (told,) = drift.found(host.contract)
    assert f"web@{release.instance}" in str(told)
    assert "is no process of" in str(told)


def test_each_difference_is_overridden_by_its_own_name_alone(
    host: FolderHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = live(host)
    parts = {str(tmp_path / part): part for part in ("drift-units", "drift-rights", "drift-front")}
    write_json(tmp_path / "provisioned.json", provisioned.made(parts, []))
    monkeypatch.setattr(provisioned, "RECORD", str(tmp_path / "provisioned.json"))
    monkeypatch.setattr(provisioned, "of_units", lambda *_: iter(()))  # no systemd manages these hosts
    assert complaints(host.contract) == []
    for part in parts:
        Path(part).touch()
    (release.folder / "server.py").write_text("# hotfix")
    instance = Instance(host.contract, release, str(release.instance))
    instance.stop([service for service in instance.services() if service.name == "worker"])
    release.mark("superseded", tag="v9")
    told = [*drift.found(host.contract), *drift.of_tag(host.contract)]
    assert {one.name for one in told} == set(drift.REMEDIES)
    assert [one.what for one in told] == [complaint["why"] for complaint in complaints(host.contract)]
    for name in drift.REMEDIES:
        left = complaints(Contract({**host.contract.raw, "allow": [name]}))
        assert [complaint["check"] for complaint in left] == [one.name for one in told if one.name != name]


@pytest.mark.fault("git: tag moved", ends="found")
def test_a_tag_that_was_moved_or_removed_is_told(host: FolderHost) -> None:
    release = live(host)
    release.mark("live", tag="v1.2.3+build.5")
    git = ["git", "-C", str(host.source)]
    subprocess.run([*git, "tag", "v1.2.3+build.5"], check=True)
    assert drift.of_tag(host.contract) == []
    host.commit("good")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, *identity, "tag", "--force", "--annotate", "--message", "m", "v1.2.3+build.5"], check=True)
    (moved,) = drift.of_tag(host.contract)
    assert "on the remote now" in str(moved)
    assert moved.name == "drift-tag"
    subprocess.run([*git, "tag", "--delete", "v1.2.3+build.5"], check=True, capture_output=True)
    assert "not on the remote any more" in drift.of_tag(host.contract)[0].what


def test_files_of_provisioning_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, unit, sudo = (tmp_path / name for name in ("site.conf", "app.service", "sudoers"))
    for file in (site, unit, sudo):
        file.write_text(file.name)
    parts = {str(site): "drift-front", str(unit): "drift-units", str(sudo): "drift-rights"}
    record = provisioned.made(parts, [])
    record["files"][str(sudo)]["sha256"] = None  # as for a reader who may not read it
    write_json(tmp_path / "provisioned.json", record)
    monkeypatch.setattr(provisioned, "RECORD", str(tmp_path / "provisioned.json"))
    monkeypatch.setattr(provisioned, "of_units", lambda *_: iter(()))
    contract = Contract({"app": "shop", "process_manager": "pm2", "services": {}})
    assert list(provisioned.differences(contract)) == []
    site.write_text("edited")
    unit.unlink()
    sudo.write_text("longer than before")
    assert sorted(provisioned.differences(contract)) == [
        ("drift-front", f"{site} was edited since the host was provisioned"),
        ("drift-rights", f"{sudo} was written since the host was provisioned"),
        ("drift-units", f"{unit} was removed since the host was provisioned"),
    ]
