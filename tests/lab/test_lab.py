"""Does a lab come and go as a whole, beside others, and leave nothing behind?"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab import state
from tests.support.lab.cgroup import ControlGroup
from tests.support.lab.command import run
from tests.support.lab.errors import LabError
from tests.support.lab.lab import Lab
from tests.support.lab.locks import exclusive
from tests.support.lab.paths import state_dir

pytestmark = pytest.mark.lab

# A run of somebody's tests that is killed in the middle.
_OWNER = """
import sys, time
from tests.support.lab import Lab
lab = Lab.create(sys.argv[1])
lab.add_host("victim").boot()
print("booted", flush=True)
time.sleep(600)
"""


def traces(lab: Lab) -> list[str]:
    """All that this machine still has of `lab`."""
    seen = {
        "mount": Path("/proc/self/mounts").read_text(),
        "namespace": run(["ip", "netns", "list"]).stdout,
        "link": run(["ip", "link"]).stdout,
        "table": run(["nft", "list", "tables"]).stdout,
        "process": run(["ps", "-e", "-o", "args"]).stdout,
    }
    words = {"namespace": f"{lab.name}-", "link": f"alias lab {lab.name}\n", "table": f" {lab.network.table}\n"}
    found = [kind for kind, text in seen.items() if words.get(kind, str(lab.folder)) in text]
    found += ["folder"] * lab.folder.exists()
    found += ["control group"] * ControlGroup(lab.name, "any").path.parent.exists()
    return found


def wait_for_no_traces(lab: Lab, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while traces(lab) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert traces(lab) == []


def killed_run(name: str, *, with_watcher: bool) -> Lab:
    """A lab whose owner was killed with one host up, and with `with_watcher` all helpers of the owner too."""
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, name], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "booted\n"
        lab = Lab.open(name)
        with exclusive(state_dir() / ".lock"):  # other tests make labs meanwhile, and would remove it
            if with_watcher:
                ControlGroup(name, "watch").kill()
            os.kill(owner.pid, signal.SIGKILL)
            owner.wait()
            assert not with_watcher or "process" in traces(lab), "somebody removed it already, so this proves nothing"
    return lab


def test_a_removed_lab_leaves_no_trace(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    lab.add_host("one").boot()
    before = traces(lab)
    lab.destroy()
    assert sorted(before) == sorted(["mount", "namespace", "link", "table", "process", "folder", "control group"]), (
        "the search must see a lab that is up"
    )
    wait_for_no_traces(lab, 5)


def test_two_labs_have_hosts_of_the_same_name_apart(lab: Lab, make_lab: Callable[..., Lab]) -> None:
    other = make_lab()
    twin = other.add_host("app1")
    twin.boot()
    twin.write("/root/whoami", "twin\n")

    assert twin.address != lab.hosts["app1"].address
    assert twin.ssh(["cat", "/root/whoami"]).stdout == "twin\n"
    assert lab.hosts["app1"].ssh(["test", "-e", "/root/whoami"], check=False).returncode == 1
    answer = twin.ssh(["ip", "route", "get", lab.hosts["app1"].address], check=False)
    assert "unreachable" in answer.stderr


def test_a_name_is_given_once(lab: Lab) -> None:
    with pytest.raises(LabError, match=f"named '{lab.name}' exists.*down --name {lab.name}"):
        Lab.create(lab.name)


@pytest.mark.usefixtures("lab_machine")
def test_a_lab_ends_when_its_owner_is_killed() -> None:
    wait_for_no_traces(killed_run("orphan-watched", with_watcher=False), 15)


def test_the_next_lab_removes_the_leftovers_of_a_killed_run_only(lab: Lab, make_lab: Callable[..., Lab]) -> None:
    kept = make_lab()
    kept.record.owner = None  # As if made by `up`; its watcher still knows whose it is.
    kept.record.save()
    leftover = killed_run("orphan-unwatched", with_watcher=True)

    make_lab()

    wait_for_no_traces(leftover, 5)
    assert state.load(kept.name).name == kept.name
    assert lab.hosts["app1"].ssh(["true"]).returncode == 0
