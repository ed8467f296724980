"""Does the role do through Ansible what its modules' steps do in the other tests here?"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.roles.restore.conftest import Restores
from tests.support.playing import Played, play
from tests.support.postgres import Cluster


def role(part: str, name: str = "restore", **variables: Any) -> dict[str, Any]:
    return {"ansible.builtin.import_role": {"name": name, "tasks_from": part}, "vars": variables}


@pytest.fixture
def shop(cluster: Cluster, restores: Restores) -> Cluster:
    cluster.sql("CREATE TABLE payments (id int PRIMARY KEY)", "INSERT INTO payments VALUES (1), (2)", role="owner")
    restores.backup("before")
    cluster.sql("INSERT INTO payments VALUES (3)", role="owner")
    return cluster


def played(restores: Restores, *tasks: dict[str, Any]) -> Played:
    words = restores.words()
    variables = {
        "namaskah_app": "shop",
        "namaskah_environment": "test",
        "namaskah_repository": "/nowhere",
        "namaskah_services": {"web": {"command": ["true"]}},
        "namaskah_run_id": "20260102T030405Z-beef",
        "backup_root": words["root"],
        "backup_service_file": words["service_file"],
        "backup_pass_file": words["pass_file"],
    }
    folder, groups = restores.folder / "play", ["database"]
    return play(tasks, folder, variables=variables, groups=groups, host="db1", env=dict(os.environ))


def test_role_restores_swaps_and_swaps_back(shop: Cluster, restores: Restores) -> None:
    done = played(restores, role("main"), role("swap", restore_final=True))
    told = done.result("Swap the restored database in")
    assert told["phase"] == "confirmed"
    assert told["loss"]["rows"] == {"inserted": 1, "updated": 0, "deleted": 0}
    assert shop.sql("SELECT count(*) FROM payments") == "2"
    back = played(restores, role("list", "backup"), role("back"))
    assert back.result("Swap the databases back")["phase"] == "returned"
    assert shop.sql("SELECT count(*) FROM payments") == "3"
    mended = played(restores, role("list", "backup"), role("recover"))
    assert mended.result("Mend what a restore left")["state"] == "nothing"


def test_role_says_what_the_restoring_role_lacks(shop: Cluster, restores: Restores) -> None:
    shop.sql("ALTER ROLE restorer NOCREATEDB", "REVOKE pg_signal_backend, owner FROM restorer", database="postgres")
    try:
        failure = played(restores, role("list", "backup"), role("check")).failure()
    finally:
        shop.sql("ALTER ROLE restorer CREATEDB", "GRANT pg_signal_backend, owner TO restorer", database="postgres")
    assert failure["class"] == "refused"
    for words in ('ALTER ROLE "restorer" CREATEDB', "GRANT pg_signal_backend", 'GRANT "owner" TO "restorer"'):
        assert words in failure["why"]
