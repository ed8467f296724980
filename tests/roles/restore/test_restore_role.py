"""Does the role do through Ansible what its modules' steps do in the other tests here?"""

from __future__ import annotations

import pytest

from tests.support.backups.cluster import Cluster
from tests.support.restores.playing import played, role
from tests.support.restores.restores import Restores


@pytest.fixture
def shop(cluster: Cluster, restores: Restores) -> Cluster:
    cluster.sql("CREATE TABLE payments (id int PRIMARY KEY)", "INSERT INTO payments VALUES (1), (2)", role="owner")
    restores.backup("before")
    cluster.sql("INSERT INTO payments VALUES (3)", role="owner")
    return cluster


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
    shop.sql("ALTER ROLE restorer NOCREATEDB", "REVOKE pg_read_all_stats, owner FROM restorer", database="postgres")
    try:
        failure = played(restores, role("list", "backup"), role("check")).failure()
    finally:
        shop.sql("ALTER ROLE restorer CREATEDB", "GRANT pg_read_all_stats, owner TO restorer", database="postgres")
    assert failure["class"] == "refused"
    for words in ('ALTER ROLE "restorer" CREATEDB', "GRANT pg_read_all_stats", 'GRANT "owner" TO "restorer"'):
        assert words in failure["why"]
