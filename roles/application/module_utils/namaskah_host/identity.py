"""Which host is this, whatever the inventory calls it? Two names or addresses may lead to one application's root."""

from __future__ import annotations

from .contract import Contract
from .switch import boot_id


def place_of(contract: Contract) -> str:
    """Return what only this root on this host has: the kernel's name of its boot, file system and number of the folder.

    A machine id would not do: copied virtual machines share it. Containers share a boot, and no folder.
    """
    facts = contract.root.stat()
    return f"{boot_id()}:{facts.st_dev}:{facts.st_ino}"
