"""May the addresses that a release uses be used as they are? Each check reads only; see readiness.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from . import database_address, git_address, launch, passwords, pooler
from .contract import Contract
from .failure import Complaint
from .foreign import brief
from .release import current

MENDED = (
    "correct it in provision_environment or provision_migrate_environment and provision the host, or in the file; "
    'with namaskah_database_variable: "" migrations go without a lock in the database'
)


def examine(contract: Contract) -> Iterator[Complaint]:
    """Look at every address that the contract or an environment file gives."""
    yield from _of_sources(contract)
    yield from _of_database(contract)


def _of_sources(contract: Contract) -> Iterator[Complaint]:
    """An address in a command line can be seen by every user of the host, so it must not hold a secret."""
    try:
        git_address.parse(contract.repository)
    except git_address.BadAddressError as error:
        if error.secret:  # else it is git's to say what it makes of it
            yield "words", f"namaskah_repository is not allowed: {error}", error.next_step
    if any(passwords.found(str(text)) for text in contract.pip_arguments):
        why = "namaskah_pip_arguments holds a password or a token, which every process list would show"
        yield "words", why, "give PIP_INDEX_URL, PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS in provision_environment"


def _of_database(contract: Contract) -> Iterator[Complaint]:
    """Migrations need the server itself: a pooler refuses their time limits, or does not keep them."""
    name = contract.database_variable
    if not name or not contract.migrate_command:
        return
    variables: dict[str, str] = {}
    place = ""
    for path in filter(None, (contract.env_file, contract.migrate_env_file)):
        try:
            read = launch.read_environment(path)
        except (OSError, ValueError):  # another check says so
            return
        variables |= read
        place = path if name in read else place
    try:
        address = database_address.parse(variables.get(name, ""))
        if address:
            address.for_libpq()
            address.places(variables)
    except ValueError as error:
        yield "database", f"the address in {name} of {place} cannot be read: {error}", MENDED
        return
    if address and _reads_options(contract) and (words := pooler.refusal(address, variables)):
        why = f"{name} of {place} leads to a pooler, and migrations need the server itself; it said {brief(words)!r}"
        yield (
            "database",
            why,
            (
                f"give migrations the server's own address: {name} in provision_migrate_environment, the path of "
                "its file in namaskah_migrate_env_file, and provision the host (docs/guides/migrations.md)"
            ),
        )


def _reads_options(contract: Contract) -> bool:
    """Whether the application's driver sends PGOPTIONS, as those of libpq do; before the first release, suppose so."""
    live = current(contract)
    if live is None:
        return True
    packages = Path(contract.root, "venvs", live.record.get("venv", "")).glob("lib/python*/site-packages/psycopg*")
    return any(packages)
