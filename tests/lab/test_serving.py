"""Do hosts get Python packages and code from the controller, each what fits it, and nothing else?"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab.cgroup import ControlGroup
from tests.support.lab.command import run
from tests.support.lab.errors import LabError
from tests.support.lab.host import Host
from tests.support.lab.lab import Lab

pytestmark = pytest.mark.lab

_INSTALL = "python3 -m venv /srv/venv && /srv/venv/bin/pip --quiet install -r /srv/requirements.txt"
# One wheel per Python version, one for all, one that only the newer Python needs.
_REQUIREMENTS = 'MarkupSafe==3.0.2\niniconfig==2.1.0\nstandard-telnetlib==3.13.0; python_version >= "3.13"\n'


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("-r included.txt\n")
    (tmp_path / "included.txt").write_text(_REQUIREMENTS)
    return path


def installed(host: Host) -> str:
    """Names of the packages that a fresh virtualenv on `host` has after installing the requirements."""
    host.write("/srv/requirements.txt", _REQUIREMENTS)
    host.ssh(["sh", "-c", _INSTALL], timeout=300)
    host.ssh(["/srv/venv/bin/python", "-c", "import markupsafe._speedups"])
    return host.ssh(["/srv/venv/bin/pip", "list", "--format=freeze"]).stdout


def test_wheels_fit_each_hosts_own_python(lab: Lab, requirements: Path) -> None:
    lab.add_wheels(requirements, suites=["bookworm", "trixie"])
    newer = lab.hosts.get("newer") or lab.add_host("newer", group="newer", suite="trixie")
    newer.boot()
    assert "telnetlib" not in installed(lab.hosts["app1"])
    assert "standard-telnetlib==3.13.0" in installed(newer)


def test_a_package_that_was_not_fetched_is_not_found(lab: Lab) -> None:
    app = lab.hosts["app1"]
    app.ssh(["python3", "-m", "venv", "/srv/empty"])
    with pytest.raises(LabError, match="No matching distribution found for attrs"):
        app.ssh(["/srv/empty/bin/pip", "install", "attrs"])


def test_a_requirement_that_does_not_exist_is_named(lab: Lab, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("iniconfig==0.0.0.1\n")
    with pytest.raises(LabError, match=r"No matching distribution found for iniconfig==0\.0\.0\.1"):
        lab.add_wheels(wrong)
    with pytest.raises(LabError, match=r"absent\.txt: no such requirements file"):
        lab.add_wheels(tmp_path / "absent.txt")


def test_a_bare_host_installs_debian_packages_from_the_controller(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    bare = make_lab().add_host("bare", bare=True)
    bare.boot()
    assert bare.ssh(["sh", "-c", "command -v nginx git"], check=False).stdout == ""
    bare.ssh(["apt-get", "update", "--quiet"])
    bare.ssh(["apt-get", "install", "--yes", "--quiet", "nginx-light", "curl", "rsync"], timeout=300)
    assert "Welcome to nginx" in bare.ssh(["curl", "--silent", "http://localhost/"]).stdout
    bare.copy_out("/etc/hostname", tmp_path)
    assert (tmp_path / "hostname").read_text() == "bare\n"


def test_code_pushed_by_the_controller_is_read_only_on_hosts(lab: Lab, tmp_path: Path) -> None:
    work = tmp_path / "work"
    run(["git", "init", "--quiet", "--initial-branch=main", work])
    (work / "file").write_text("one\n")
    identity = ["-c", "user.name=lab", "-c", "user.email=lab@localhost"]
    run(["git", "-C", work, "add", "."])
    run(["git", "-C", work, *identity, "commit", "--quiet", "--message=one"])
    run(["git", "-C", work, "push", "--quiet", lab.origin.path("sample"), "main"])

    app = lab.hosts["app1"]
    app.ssh(["git", "clone", "--quiet", lab.origin.url("sample"), "/srv/clone"])
    assert app.read("/srv/clone/file") == "one\n"
    with pytest.raises(LabError, match=r"access denied|service not enabled"):
        app.ssh(["git", "-C", "/srv/clone", "push", "--quiet", "origin", "main:other"])


def test_the_controllers_servers_listen_on_the_bridge_only(lab: Lab) -> None:
    servers = ControlGroup(lab.name, "services").pids()
    sockets = run(["ss", "--listening", "--tcp", "--numeric", "--processes", "--no-header"]).stdout.splitlines()
    own = {line.split()[3] for line in sockets if any(f"pid={pid}," in line for pid in servers)}
    assert own == {f"{lab.network.controller}:8080", f"{lab.network.controller}:9418"}
