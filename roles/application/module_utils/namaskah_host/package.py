"""How does the host's own program come into being? From the very modules that a run uses, as one zip file."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from types import ModuleType

# Named one by one, for a run's payload on a host holds only what is imported by name.
from . import (
    bounded,
    bounds,
    commands,
    connections,
    contract,
    failure,
    files,
    foreign,
    front,
    guard,
    health,
    instances,
    journal,
    launch,
    locking,
    managers,
    passwords,
    processes,
    release,
    supervisor_rpc,
    switch,
    workers,
)

MODULES: tuple[ModuleType, ...] = (
    bounded, bounds, commands, connections, contract, failure, files, foreign, front, guard, health, instances, journal,
    launch, locking, managers, passwords, processes, release, supervisor_rpc, switch, workers,
)  # fmt: skip
START = "import sys\nfrom namaskah_host.guard import main\nsys.exit(main())\n"
FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # equal sources give an equal file


def source_of(module: ModuleType) -> str:
    """Return the source of a loaded module, also when it was loaded from a zip file (PEP 302, get_source)."""
    loader = module.__spec__.loader if module.__spec__ else None
    source = getattr(loader, "get_source", lambda _: None)(module.__name__)
    if not isinstance(source, str):
        raise OSError(f"no source of {module.__name__}")
    return source


def write_host_program(path: Path) -> None:
    """Write the host program to `path`, atomically."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", FIXED_TIME), START)
        archive.writestr(zipfile.ZipInfo("namaskah_host/__init__.py", FIXED_TIME), "")
        for module in MODULES:
            name = module.__name__.rpartition(".")[2]
            archive.writestr(zipfile.ZipInfo(f"namaskah_host/{name}.py", FIXED_TIME), source_of(module))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    temporary.write_bytes(buffer.getvalue())
    temporary.chmod(0o644)
    temporary.replace(path)
    files.sync_folder(path.parent)
