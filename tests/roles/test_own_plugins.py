"""Does what lies in an operator's home or environment change which code a run executes?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_git import command
from ansible.module_utils.namaskah_host import mirror

from tests.support.project import ROOT

KINDS = {
    "action": "debug",
    "become": "sudo",
    "callback": "told",
    "connection": "local",
    "filter": "told",
    "inventory": "yaml",
    "lookup": "env",
    "modules": "ping",
    "strategy": "linear",
    "test": "told",
    "vars": "told",
}
TASKS = [
    {"ansible.builtin.ping": {}, "name": "FQCN"},
    {"ping": {}, "name": "short"},
    {"debug": {"msg": "{{ lookup('env', 'HOME') | upper }}"}, "name": "look"},
]


@pytest.mark.parametrize("configuration", [ROOT / "ansible.cfg", None], ids=["ours", "Ansible's own"])
@pytest.mark.fault("plugins of somebody's own", ends="refused")
def test_plugins_of_the_operators_home_are_not_run(tmp_path: Path, configuration: Path | None) -> None:
    """By Ansible's own settings they are, or this test would see nothing."""
    ran = tmp_path / "ran"
    for kind, name in KINDS.items():
        folder = tmp_path / ".ansible" / "plugins" / kind
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({kind!r} + ' ')\n")
    book = tmp_path / "play.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": TASKS}]))
    settings = {"ANSIBLE_CONFIG": str(configuration)} if configuration else {}
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-c", "local", book],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    if configuration:
        assert not ran.exists(), ran.read_text()
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        assert ran.exists()


def test_git_is_told_of_proxies_and_of_no_folder_of_somebodys(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"}
    kept_back = {"AWS_PROFILE", "GIT_SSL_NO_VERIFY", "GIT_DIR", "GIT_CONFIG_COUNT", "LD_PRELOAD"}
    for name in (*passed, *kept_back, "GH_TOKEN"):
        monkeypatch.setenv(name, name)
    told = command.environment({}, ["GH_TOKEN", "GIT_SSL_NO_VERIFY"]).keys()
    assert passed <= told
    assert "GH_TOKEN" in told, "it was declared"
    assert not kept_back & told


@pytest.mark.parametrize(("env", "told"), [(mirror.with_remote, "http://proxy.example\n"), (mirror.alone, "")])
def test_the_configuration_of_a_host_says_how_the_remote_is_reached_and_nothing_of_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: Callable[[], dict[str, str]], told: str
) -> None:
    (tmp_path / "gitconfig").write_text("[http]\n\tproxy = http://proxy.example\n")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(tmp_path / "gitconfig"))
    monkeypatch.delenv("GIT_CONFIG_NOSYSTEM", raising=False)
    words = ["git", "config", "--get", "http.proxy"]
    assert subprocess.run(words, env=env(), cwd=tmp_path, capture_output=True, text=True, check=False).stdout == told
