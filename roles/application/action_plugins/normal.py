"""Send our modules with their bytecode, and pack each of them once a version instead of once a run.

Ansible asks this plugin in place of its own of the same name, which is the one for modules without an action of their
own. As Ansible packs a module, the controller looks through its imports anew in every run, and the host compiles some
fifty files anew in every task: most of what a task costs (docs/adr/0012). Where bytecode is of no use, for a host with
another Python, or where it cannot be kept, the module goes as Ansible packs it: slower, and never different.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import importlib.util
import io
import marshal
import os
import stat
import sys
import zipfile
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.executor import module_common
from ansible.plugins.action import ActionBase
from ansible.release import __version__

ROLES = Path(__file__).resolve().parents[2]
OURS = "namaskah_"
HASHED_UNCHECKED = (1).to_bytes(4, "little")  # PEP 552: valid whatever the time of the source is
VERSIONS_KEPT = 3


class ActionModule(ActionBase):
    """Runs a module on the host, as Ansible's own plugin does."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module answers."""
        result = super().run(tmp, task_vars)
        beside = self._task.async_val
        result |= self._execute_module(task_vars=task_vars, wrap_async=beside)
        if not beside:  # a step that goes on needs its folder
            self._remove_tmp_path(self._connection._shell.tmpdir)  # noqa: SLF001 - as every action does
        return result

    def _configure_module(self, module_name: str, module_args: Any, task_vars: Any) -> Any:
        """Return what is sent to the host; called by `_execute_module`."""
        name = module_name.rpartition(".")[2]
        if not name.startswith(OURS):
            return super()._configure_module(module_name, module_args, task_vars)
        of_run = Path(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache")
        before = lay_out(name, of_run)
        built = super()._configure_module(module_name, module_args, task_vars)
        if before:
            return built
        keep(name, of_run)
        return super()._configure_module(module_name, module_args, task_vars)


def version() -> str:
    """Return a name for everything that a packed module is made of: it changes with any source of ours."""
    digest = hashlib.sha256(f"{__version__} {sys.version}".encode())
    for file in sorted([*ROLES.glob("*/library/*.py"), *ROLES.glob("*/module_utils/**/*.py")]):
        digest.update(f"{file.relative_to(ROLES)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]


def kept_folder() -> Path | None:
    """Return where packed modules are kept; nothing where there is no place that is this user's alone."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - knows users without HOME
    folder = Path(caches, "namaskah-deploy", "modules")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
    except OSError:
        return None
    # What lies here is run on the hosts, and read by a format that can run code: nobody else may have written it.
    return folder if about.st_uid == os.geteuid() and not stat.S_IMODE(about.st_mode) & 0o077 else None


def lay_out(name: str, of_run: Path) -> bool:
    """Give this run what an earlier one has packed; returns whether there was anything."""
    if list(of_run.glob(f"*.{name}-*")):
        return True
    folder = KEPT / VERSION if KEPT else None
    found = False
    for file in folder.glob(f"*.{name}-*") if folder else ():
        try:
            told, data = file.read_bytes().split(b"\n", 1)
        except (OSError, ValueError):
            continue
        if hashlib.sha256(data).hexdigest().encode() == told:
            write(of_run / file.name, data)
            found = True
    return found


def keep(name: str, of_run: Path) -> None:
    """Add bytecode to what Ansible has just packed, for the rest of this run and for later ones."""
    form = getattr(module_common, "_CachedModule", None)
    if form is None:  # an Ansible that keeps its packed modules otherwise: they go as it packs them
        return
    for file in of_run.glob(f"*.{name}-*"):
        if not file.name.endswith("-none"):  # a lock, or what another process is writing
            continue
        packed = form.load(str(file))
        richer = base64.b64encode(with_bytecode(base64.b64decode(packed.zip_data)))
        beside = Path(f"{file}-{os.getpid()}")
        dataclasses.replace(packed, zip_data=richer).dump(str(beside))
        data = beside.read_bytes()
        beside.replace(file)
        if KEPT:
            try:
                write(KEPT / VERSION / file.name, hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
                let_go()
            except OSError:
                return  # a full disk or a lost right: the next run packs anew


def with_bytecode(archive: bytes) -> bytes:
    """Return the archive with the bytecode of this Python beside each source, which another Python passes over."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as given, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as made:
        for info in given.infolist():
            source = given.read(info)
            made.writestr(info, source)
            if info.filename.endswith(".py"):
                code = compile(source, info.filename, "exec", dont_inherit=True)
                head = importlib.util.MAGIC_NUMBER + HASHED_UNCHECKED + importlib.util.source_hash(source)
                made.writestr(f"{info.filename}c", head + marshal.dumps(code))
    return result.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, also beside another process that writes the same."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.replace(path)


def let_go() -> None:
    """Remove what belongs to versions of long ago."""
    versions = sorted(KEPT.iterdir() if KEPT else (), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in versions[VERSIONS_KEPT:]:
        for file in folder.iterdir():
            file.unlink(missing_ok=True)
        folder.rmdir()


# Found out once a run: Ansible forks a process for each task and host, and they inherit it.
KEPT = kept_folder()
VERSION = version()
