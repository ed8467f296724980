"""Where the lab keeps its things on the controller: the cache (kept) and the state (one folder a lab)."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """Base trees, layers and wheels; shared by all runs and safe to delete while no lab is up."""
    return Path(os.environ.get("NAMASKAH_LAB_CACHE", "/var/cache/namaskah-lab"))


def state_dir() -> Path:
    """One folder for each lab that exists; must lie on a disk that can carry an overlay's upper dir."""
    return Path(os.environ.get("NAMASKAH_LAB_STATE", "/var/lib/namaskah-lab"))
