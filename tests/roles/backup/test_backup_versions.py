"""Does a backup come out right with the installed PostgreSQL and with the newest one that PyPI has?"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.backups.backups import Backups, backups_of
from tests.support.backups.cluster import Cluster, running
from tests.support.backups.content import fill

CHOOSES_METHOD = 16


@contextmanager
def installed() -> Iterator[Path]:
    """The programs of the system's server."""
    yield postgres.programs()


@pytest.fixture(params=[installed, postgres.newest], ids=["installed", "newest"], scope="module")
def server_of_version(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with request.param() as binaries, running(binaries) as cluster:
        fill(cluster)
        yield cluster


@pytest.fixture
def versions(server_of_version: Cluster) -> Iterator[Backups]:
    with backups_of(server_of_version) as found:
        yield found


@pytest.mark.parametrize("parallel_size", [1, 1 << 40], ids=["folder", "file"])
def test_backup_is_proved(versions: Backups, parallel_size: int) -> None:
    made = versions.make(parallel_size=parallel_size)
    assert made["proof"] == "proved"
    assert made["rows"] == 555


def test_dump_is_compressed_by_the_best_that_the_tools_have(versions: Backups) -> None:
    made = versions.make()
    manifest = versions.manifest(made)
    chosen = manifest["database"]["compression"]
    listing = tool(versions, "pg_restore", "--list", f"{made['path']}/database.dump").stdout
    shown = re.search(r"Compression: (\S+)", listing)
    assert shown
    if int(manifest["tools"]["client"].split(".")[0]) < CHOOSES_METHOD:
        assert (chosen, shown[1]) in {("1", "gzip"), ("1", "1")}
    else:
        best = next((method for method in ("zstd", "lz4") if can(versions, method)), "gzip")
        assert chosen.split(":")[0] == shown[1] == best


@pytest.mark.fault("database: client too old", ends="refused")
def test_client_of_an_older_version_is_refused_by_us_as_by_itself(versions: Backups) -> None:
    """The system's own pg_dump, which is older than the newest server: it says no as well, but only when it dumps."""
    server = major(versions.cluster.binaries)
    if major(postgres.programs()) >= server:
        versions.cluster.sql("SELECT 1")
        assert versions.make(client_path=str(postgres.programs()))["proof"] == "proved"
        return
    for state in ("checked", "made"):
        failure = versions.fail(client_path=str(postgres.programs()), state=state)
        assert failure["class"] == "refused"
        assert failure["what"] == "pg_dump is older than the server"
        assert f"the newest pg_dump here is {major(postgres.programs())}" in failure["why"]
        assert f"postgresql-client-{server}" in failure["next"]
    words = ["-h", str(versions.cluster.folder), "-U", "admin", "-d", "shop", "-f", "/dev/null"]
    itself = subprocess.run([postgres.programs() / "pg_dump", *words], capture_output=True, text=True, check=False)
    assert itself.returncode == 1
    assert "server version mismatch" in itself.stderr


@pytest.mark.usefixtures("filled")
@pytest.mark.fault("backup not restorable", ends="found", where="on a server of another version")
def test_proof_on_a_server_of_another_version(backups: Backups, versions: Backups) -> None:
    """A newer server proves what an older one dumped; an older one cannot, and says why."""
    for asking, proving in ((backups, versions.cluster), (versions, backups.cluster)):
        own = asking.cluster.service_file.read_text()
        entry = f"[elsewhere]\nhost={proving.folder}\nuser=prover\ndbname=postgres\n"
        asking.cluster.service_file.write_text(own + entry)
        before = proving.databases()
        try:
            if major(proving.binaries) >= major(asking.cluster.binaries):
                assert asking.make(proof_service="elsewhere")["proof"] == "proved"
            else:
                failure = asking.fail(proof_service="elsewhere")
                assert failure["what"] == "The backup cannot be restored"
                assert "unrecognized configuration parameter" in failure["why"]
        finally:
            asking.cluster.service_file.write_text(own)
        assert proving.databases() == before


def major(binaries: Path) -> int:
    """The version of the programs in a folder."""
    said = subprocess.run([binaries / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    assert found
    return int(found[1])


def test_collation_of_the_original_is_the_copys(versions: Backups) -> None:
    """Text sorts, and unique indexes judge, by the collation: the server's own default is another one here."""
    cluster = versions.cluster
    for provider, options in collations(cluster).items():
        cluster.sql("DROP DATABASE shop", database="postgres")
        cluster.create(options)
        cluster.sql("CREATE TABLE word (text text UNIQUE)", "INSERT INTO word VALUES ('a'), ('Z'), ('ä')")
        made = versions.make()
        assert made["proof"] == "proved"
        assert versions.manifest(made)["database"]["provider"] == provider
    cluster.reset()
    fill(cluster)


def collations(cluster: Cluster) -> dict[str, str]:
    """Ways to collate that this server has, by their provider's letter in pg_database."""
    found = {"c": "LC_COLLATE 'C' LC_CTYPE 'C'"}
    # A build without ICU lists one or two of its collations all the same.
    if int(cluster.sql("SELECT count(*) FROM pg_collation WHERE collprovider = 'i'")) > 10:
        found["i"] = "LOCALE_PROVIDER icu ICU_LOCALE 'de'"
    if cluster.sql("SELECT count(*) FROM pg_collation WHERE collprovider = 'b'") != "0":
        found["b"] = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
    assert len(found) > 1
    return found


def can(backups: Backups, method: str) -> bool:
    """Whether these programs really write a dump with that method."""
    cluster, target = backups.cluster, backups.folder / "tried.dump"
    words = [
        "-h",
        str(cluster.folder),
        "-U",
        "admin",
        "-d",
        "postgres",
        "-Fc",
        f"--compress={method}",
        "-f",
        str(target),
    ]
    return tool(backups, "pg_dump", *words).returncode == 0


def tool(backups: Backups, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([backups.cluster.binaries / name, *words], capture_output=True, text=True, check=False)
