"""Where and as whom may a backup be proved: on another server, without some roles, without a superuser's rights?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.roles.backup import postgres
from tests.roles.backup.conftest import TASK, Backups
from tests.roles.backup.postgres import Cluster


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Cluster]:
    with postgres.running() as cluster:
        yield cluster


@pytest.fixture
def proved_elsewhere(filled: Cluster, elsewhere: Cluster, backups: Backups) -> Iterator[Backups]:
    """Backups of the one server that are proved on the other."""
    own = filled.service_file.read_text()
    entry = f"[elsewhere]\nhost={elsewhere.folder}\nuser=prover\ndbname=postgres\n"
    filled.service_file.write_text(own + entry)
    yield backups
    filled.service_file.write_text(own)


def test_proof_on_another_server(proved_elsewhere: Backups, elsewhere: Cluster) -> None:
    made = proved_elsewhere.make(proof_service="elsewhere")
    assert made["proof"] == "proved"
    assert made["proof_details"]["service"] == "elsewhere"
    assert elsewhere.databases() == ["postgres", "shop", "template0", "template1"]


@pytest.mark.fault("backup not restorable", ends="found")
def test_role_that_the_other_server_has_not_is_named(proved_elsewhere: Backups, elsewhere: Cluster) -> None:
    elsewhere.sql("DROP ROLE app", database="postgres")
    try:
        failure = proved_elsewhere.fail(proof_service="elsewhere")
    finally:
        elsewhere.sql("CREATE ROLE app LOGIN", database="postgres")
    assert failure["what"] == "The backup cannot be restored"
    assert "no role app" in failure["why"]


def test_later_proof_that_fails_is_kept_in_mind_until_one_succeeds(
    proved_elsewhere: Backups, elsewhere: Cluster
) -> None:
    proved_elsewhere.cluster.sql(
        "CREATE TABLE bulk AS SELECT g, repeat(md5(g::text), 20) AS t FROM generate_series(1, 120000) g"
    )
    made = proved_elsewhere.make(proof="after")
    elsewhere.sql("DROP ROLE app", database="postgres")
    try:
        proved_elsewhere.fail(proof_service="elsewhere", state="proved", backup_id=made["id"])
    finally:
        elsewhere.sql("CREATE ROLE app LOGIN", database="postgres")
    (listed,) = proved_elsewhere.listing("verified").result(TASK)["backups"]
    assert listed["proof"] == "failed"
    assert "no role app" in listed["proof_details"]["why"]
    again = proved_elsewhere.play(proof_service="elsewhere", state="proved", backup_id=made["id"]).result(TASK)
    assert again["proof"] == "proved"
    assert again["manifest_sha256"] == made["manifest_sha256"]


def test_superuser_proves_owners_and_rights_too(filled: Cluster, backups: Backups) -> None:
    assert backups.make()["proof_details"]["owners"] is False
    filled.sql("ALTER ROLE prover SUPERUSER")
    assert backups.make()["proof_details"]["owners"] is True


@pytest.mark.fault("backup not restorable", ends="found")
def test_extension_of_superusers_needs_a_template(cluster: Cluster, backups: Backups) -> None:
    cluster.sql("CREATE EXTENSION pageinspect")
    failure = backups.fail()
    assert failure["what"] == "The backup cannot be restored"
    assert "backup_proof_template" in failure["next"]
    cluster.sql("CREATE DATABASE proving TEMPLATE template0 IS_TEMPLATE true", database="postgres")
    cluster.sql("CREATE EXTENSION pageinspect", database="proving")
    assert backups.make(proof_template="proving")["proof"] == "proved"


@pytest.mark.fault("backup not restorable", ends="found")
def test_missing_files_of_an_extension_are_found(cluster: Cluster, backups: Backups) -> None:
    """The extension is listed as one that has no files on the server any more."""
    cluster.sql("CREATE EXTENSION citext", "UPDATE pg_extension SET extname = 'gone' WHERE extname = 'citext'")
    failure = backups.fail()
    assert failure["what"] == "The backup cannot be restored"
    assert "gone" in failure["why"]


def test_subscription_is_not_joined_by_the_copy(cluster: Cluster, backups: Backups) -> None:
    cluster.sql("ALTER ROLE reader SUPERUSER", "CREATE PUBLICATION everything FOR ALL TABLES")
    cluster.sql(
        "CREATE SUBSCRIPTION s CONNECTION 'host=/nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)"
    )
    try:
        assert backups.make()["proof"] == "proved"
    finally:
        cluster.sql("DROP SUBSCRIPTION s", "ALTER ROLE reader NOSUPERUSER")


def test_large_objects_are_proved(cluster: Cluster, backups: Backups) -> None:
    cluster.sql("SELECT lo_from_bytea(0, repeat('content', 100000)::bytea)", "SELECT lo_create(0)")
    assert "large object" in backups.play().failure()["why"]
    cluster.sql(
        "DO $$ DECLARE o oid; BEGIN FOR o IN SELECT oid FROM pg_largeobject_metadata LOOP "
        "EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO reader', o); END LOOP; END $$"
    )
    made = backups.play().result(TASK)
    assert backups.manifest(made)["database"]["fingerprint"]["large_objects"][0] == 2
