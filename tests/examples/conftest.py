"""What do the tests of the samples share? A PostgreSQL server, and each sample's repository and environment."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.samples.databases import Databases, running
from tests.support.samples.making import Releaser, Schemas, make
from tests.support.samples.sample import Release, Sample
from tests.support.samples.site import Site


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """Return databases on a server of our own."""
    with running() as databases:
        yield databases


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Return the sample dashboard."""
    return make("dashboard", tmp_path_factory.mktemp("dashboard"))


@pytest.fixture(scope="session")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Return the sample ledger."""
    return make("ledger", tmp_path_factory.mktemp("ledger"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder for releases; a short one, because the path of a unix socket may have 107 bytes only."""
    with tempfile.TemporaryDirectory(prefix="samples-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def schemas(postgres: Databases, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    """Return what migrates each sample's first version once, for tests to copy."""

    @cache
    def migrated(name: str) -> str:
        sample: Sample = request.getfixturevalue(name)
        address = postgres.create()
        sample.release("v1.0.0", tmp_path_factory.mktemp("schema") / name, address).do("migrate")
        return address

    return migrated


@pytest.fixture
def release(request: pytest.FixtureRequest, folder: Path, postgres: Databases, schemas: Schemas) -> Releaser:
    """Return what puts a tag of a sample into a folder of its own.

    All tags of a test share one database of its own, which has the first version's schema.
    """

    @cache
    def database(name: str) -> str:
        return postgres.create(schemas(name))

    def put(name: str, tag: str, **settings: str) -> Release:
        sample: Sample = request.getfixturevalue(name)
        return sample.release(tag, folder / f"{name}-{tag}", **{"database": database(name), **settings})

    return put


@pytest.fixture
def site(request: pytest.FixtureRequest, folder: Path, postgres: Databases, schemas: Schemas) -> Callable[..., Site]:
    """Return what makes a host with v1.0.0 live, in a database of its own."""

    def made(name: str, **settings: object) -> Site:
        one = Site(request.getfixturevalue(name), folder / name, postgres.create(schemas(name)), settings)
        one.switch(one.prepared("v1.0.0"))
        return one

    return made
