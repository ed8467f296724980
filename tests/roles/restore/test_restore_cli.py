"""Does the command line restore, swap back and recover on a host, with the very playbooks that it launches?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.namaskah_restore import exchange

from tests.support.backups.cluster import Cluster
from tests.support.project import ROOT
from tests.support.restores.restores import Restores

TOOL = Path(sys.executable).parent / "namaskah-deploy"


@pytest.fixture
def shop(cluster: Cluster, restores: Restores) -> Cluster:
    cluster.sql("CREATE TABLE payments (id int PRIMARY KEY)", "INSERT INTO payments VALUES (1), (2)", role="owner")
    restores.backup("before")
    cluster.sql("INSERT INTO payments VALUES (3)", role="owner")
    folder = restores.folder / "inventory" / "test"
    folder.mkdir(parents=True)
    words = restores.words()
    here = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
    variables = {
        **here,
        "namaskah_app": "shop",
        "namaskah_environment": "test",
        "namaskah_repository": "/nowhere",
        "namaskah_root": str(restores.folder / "no-application-here"),
        "namaskah_services": {"web": {"command": ["true"]}},
        "backup_root": words["root"],
        "backup_service_file": words["service_file"],
        "backup_pass_file": words["pass_file"],
    }
    groups = {"app": {"hosts": {"web1": {}}}, "database": {"hosts": {"db1": {}}}, "all": {"vars": variables}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(groups))
    return cluster


def command(restores: Restores, *words: str) -> subprocess.CompletedProcess[str]:
    state = {"XDG_STATE_HOME": str(restores.folder / "state"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
             "HOME": str(restores.folder), "XDG_CACHE_HOME": str(ROOT / ".cache" / "tests")}  # fmt: skip
    return subprocess.run(
        [TOOL, *words, "--inventory", restores.folder / "inventory"],
        env=state, cwd=restores.folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        timeout=600,
    )  # fmt: skip


def rows(shop: Cluster) -> str:
    return shop.sql("SELECT count(*) FROM payments")


def test_restore_and_swap_back_by_name(shop: Cluster, restores: Restores) -> None:
    refused = command(restores, "backups", "restore", "test", restores.latest, "--yes")
    assert refused.returncode == 2, refused.stderr
    assert "--confirm test" in refused.stderr
    assert rows(shop) == "3"
    done = command(restores, "backups", "restore", "test", restores.latest, "--confirm", "test", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout)["facts"]
    assert facts["rows lost"] == {"inserted": 1, "updated": 0, "deleted": 0}
    assert facts["replaced database"] in shop.databases()
    assert rows(shop) == "2"
    back = command(restores, "backups", "swap-back", "test", "--confirm", "test")
    assert back.returncode == 0, back.stdout + back.stderr
    assert rows(shop) == "3"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--restore-database", "--yes"], "--confirm test"),
        (["--restore-database", "--confirm", "tset"], "'tset' is not the environment's name"),
        (["--restore-database", "--reverse-migrations", "--confirm", "test"], "two ways back"),
        (["--restore-database", "--limit", "web1", "--confirm", "test"], "leave --limit out"),
        (["--restore-database", "--backup", "latest", "--confirm", "test"], "backup"),
        (["--backup", "20260131T235959Z-4f2a", "--yes"], "belong to --restore-database"),
        (["--confirm", "test"], "belong to --restore-database"),
    ],
)
def test_words_that_a_rollback_with_its_database_refuses(
    shop: Cluster, restores: Restores, words: list[str], said: str
) -> None:
    refused = command(restores, "rollback", "test", "--tag", "v1", *words)
    assert refused.returncode == 2, refused.stderr
    assert said in refused.stderr
    assert rows(shop) == "3"
    assert restores.phases() == []


@pytest.mark.fault("swap interrupted", ends="returned", where="recover, by the command line")
def test_recover_swaps_back_what_nobody_confirmed(shop: Cluster, restores: Restores) -> None:
    restores.prepare("")
    exchange.swap_in(restores.asked(), final=False)
    assert rows(shop) == "2"
    done = command(restores, "recover", "test", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(shop) == "3"
    assert restores.phases() == ["returned"]
