"""Where and as whom may a backup be proved: on another server, without some roles, without a superuser's rights?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import jinja2
import pytest
import yaml
from ansible.module_utils.namaskah_backups import proof, space
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.backups.backups import TASK, Backups
from tests.support.backups.cluster import Cluster, running
from tests.support.backups.looking import Looker
from tests.support.project import ROOT


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Cluster]:
    with running() as cluster:
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


def test_room_on_another_host_is_unknown_and_no_right_would_change_that() -> None:
    """192.0.2.1 is an address that no host has (RFC 5737)."""
    for folder in ("/var/lib/postgresql/15/main", None):
        told = space.unknown_words(space.check_server(folder, "192.0.2.1", 50_000_000, 1.2, "the copy"))
        assert "it is made on another host, 192.0.2.1; see that 60 MB are free" in told
        assert "GRANT" not in told


def test_room_that_the_role_may_not_ask_for_is_unknown(filled: Cluster, backups: Backups) -> None:
    filled.sql("REVOKE pg_read_all_settings FROM prover")
    try:
        notes = backups.make()["notes"]
    finally:
        filled.sql("GRANT pg_read_all_settings TO prover")
    assert notes == ["room for the proving copy is unknown: GRANT pg_read_all_settings to the proof's role"]
    assert backups.make()["notes"] == []


@pytest.mark.fault("role changed by SQL of the application", ends="harmless", where="its settings")
def test_a_role_that_a_proof_changed_proves_the_next_backup(filled: Cluster, backups: Backups) -> None:
    """A constraint of the application runs as the role of proofs, which may change settings of its own."""
    settings = ["default_transaction_read_only = on", "statement_timeout = 1", "lock_timeout = 1"]
    settings += ("idle_session_timeout = 1", "search_path = public", "local_preload_libraries = nothing")
    alter = "".join(f"EXECUTE 'ALTER ROLE '||current_user||' SET {one}';" for one in settings)
    body = f"BEGIN IF current_user = 'prover' THEN {alter} END IF; RETURN true; END"
    filled.sql(
        f"CREATE FUNCTION harmful() RETURNS bool LANGUAGE plpgsql AS $f$ {body} $f$",
        "CREATE TABLE trap (id int CHECK (harmful()))",
        "INSERT INTO trap VALUES (1)",
        role="owner",
    )
    try:
        assert backups.make()["proof"] == "proved"
        assert "statement_timeout" in filled.sql("SELECT rolconfig FROM pg_roles WHERE rolname = 'prover'")
        assert backups.make()["proof"] == "proved"
    finally:
        filled.sql("DROP TABLE trap", "DROP FUNCTION harmful", "ALTER ROLE prover RESET ALL")


@pytest.mark.fault("role changed by SQL of the application", ends="harmless", where="its search path")
def test_a_search_path_of_the_database_puts_no_function_before_the_servers(filled: Cluster, backups: Backups) -> None:
    """Its owner may set one. What the roles of backups and provisioning call would then run the owner's code."""
    body = "BEGIN RAISE EXCEPTION 'the code of the owner ran as %', current_user; END"
    functions = ("set_config(text, text, bool)", "lower(text)", "has_schema_privilege(text, text, text)")
    filled.sql(
        "CREATE SCHEMA evil",
        "GRANT USAGE ON SCHEMA evil TO PUBLIC",
        *(f"CREATE FUNCTION evil.{one} RETURNS text LANGUAGE plpgsql AS $f$ {body} $f$" for one in functions),
        "ALTER DATABASE shop SET search_path = evil, pg_catalog",
        "ALTER DATABASE shop SET default_transaction_read_only = off",
        role="owner",
    )
    assert backups.make()["proof"] == "proved"
    variables = yaml.safe_load((ROOT / "roles/provision/vars/main.yml").read_text())
    options = next(word for word in variables["provision_psql"] if word.startswith("PGOPTIONS="))
    words = ["env", options, str(filled.binaries / "psql"), "-XAt", "--set=ON_ERROR_STOP=1", "--file=-"]
    template = (ROOT / "roles/provision/templates/grants.sql.j2").read_text()
    names = {"provision_database_owner": "owner", "provision_database_app": "app"}
    done = subprocess.run(
        [*words, "-h", str(filled.folder), "-U", "admin", "-d", "shop"],
        input=jinja2.Template(template, trim_blocks=True).render(names),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "GRANT" in done.stdout


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


@pytest.mark.fault("backup not restorable", ends="found", where="a template of another locale")
def test_another_locale_is_refused_and_seen(filled: Cluster, backups: Backups) -> None:
    """No copy is made in it; and a copy that lies in it all the same, however that came, differs."""
    options = "LC_COLLATE 'C' LC_CTYPE 'C' IS_TEMPLATE true"
    filled.sql(f"CREATE DATABASE proving TEMPLATE template0 {options}", database="postgres")
    failure = backups.fail(proof_template="proving")
    assert failure["what"] == "The scratch database cannot be made"
    assert "collation" in failure["why"]
    made = backups.make()
    wanted = backups.manifest(made)["database"]
    filled.run("pg_restore", "-h", str(filled.folder), "-U", "admin", "-d", "proving", f"{made['path']}/database.dump")
    look = Looker(filled, backups.folder)
    with pytest.raises(Failure, match=r"collate is C, not C.UTF-8; ctype is C, not C.UTF-8") as differs:
        proof.compare(look.tools, replace(look.settings, proof_service="look"), "proving", wanted)
    assert differs.value.why.count(";") == 1, "nothing else differs"


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
