"""Are the rights that provisioning gives the roles of a database enough for what the inventory asks of backups?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import jinja2
import pytest

from tests.support.backups.backups import Backups
from tests.support.backups.cluster import Cluster
from tests.support.postgres import run_as
from tests.support.project import ROOT

TEMPLATE = ROOT / "roles" / "provision" / "templates" / "roles.sql.j2"
MAY_MARK = "SELECT has_function_privilege('reader', 'pg_create_restore_point(text)', 'EXECUTE')"
NAMES = {
    "provision_database_name": "shop",
    "provision_database_owner": "owner",
    "provision_database_app": "app",
    "provision_database_backup": "reader",
    "provision_database_proof": "prover",
    "provision_database_restore": "",
}


class Provisioned:
    """The cluster, whose roles are set up as provisioning does."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def __call__(self, *, warm: bool = False, stanza: str = "") -> list[str]:
        """Set the roles up for this; the statements that were needed."""
        template = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - SQL
        words = {**NAMES, "provision_database_proof_owner": warm, "provision_point_in_time_stanza": stanza}
        path = self.cluster.folder / "roles.sql"
        path.write_text(template.from_string(TEMPLATE.read_text()).render(words))
        psql = [str(self.cluster.binaries / "psql"), "-XAt", "--set=ON_ERROR_STOP=1", "-h", str(self.cluster.folder)]
        done = subprocess.run(
            [*psql, "-U", "admin", "-d", "postgres", "-f", str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def provisioned(filled: Cluster) -> Iterator[Provisioned]:
    made = Provisioned(filled)
    made()
    yield made
    made()
    filled.sql("ALTER ROLE reader RESET ALL", database="postgres")


def test_a_kept_copy_belongs_to_the_owner_where_the_inventory_keeps_copies(
    provisioned: Provisioned, backups: Backups
) -> None:
    made = backups.make(keep_proof=True)
    assert made["proof_details"]["owners"] is False
    assert any("member of its owners" in note for note in made["notes"])
    assert provisioned(warm=True) == ["GRANT ROLE"]
    assert provisioned(warm=True) == [], "it told of changes where there were none"
    made = backups.make(keep_proof=True)
    assert made["proof_details"]["owners"] is True
    assert "moments" in made["rollback"]
    owner = f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{made['warm']}'"  # noqa: S608 - the name is ours
    assert provisioned.cluster.sql(owner, database="postgres") == "owner"
    assert provisioned() == ["REVOKE ROLE"]


def test_who_names_a_moment_leaves_no_right_in_the_dumps(provisioned: Provisioned) -> None:
    """Only a superuser could restore a dump that gives a right to one of the server's own functions."""
    cluster, dump = provisioned.cluster, str(provisioned.cluster.folder / "dump")
    assert cluster.sql(MAY_MARK, database="postgres") == "f"
    assert provisioned(stanza="main") == ["GRANT"]
    assert provisioned(stanza="main") == []
    assert cluster.sql(MAY_MARK, database="postgres") == "t"
    words = [str(cluster.binaries / "pg_dump"), "-h", str(cluster.folder), "-U", "admin", "-f", dump, "shop"]
    run_as(cluster.user, words)
    assert "pg_create_restore_point" not in (cluster.folder / "dump").read_text()
    assert provisioned() == ["REVOKE"]
    assert cluster.sql(MAY_MARK, database="postgres") == "f"
