"""Send our modules with their bytecode, and pack each of them once a version instead of once a run.

Ansible asks this plugin in place of its own of the same name, which is the one for modules without an action of their
own. As Ansible packs a module, the controller looks through its imports anew in every run, and the host compiles some
fifty files anew in every task: most of what a task costs (docs/adr/0012). Where bytecode is of no use, for a host with
another Python, or where it cannot be kept, the module goes as Ansible packs it: slower, and never different.

What keeps a module from answering at all is said in words here: a folder for temporary files that is full, on the host
or on the controller, and an answer without end.
"""

from __future__ import annotations

import base64
import dataclasses
import errno
import hashlib
import importlib.util
import io
import marshal
import os
import shlex
import shutil
import stat
import sys
import zipfile
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.executor import module_common
from ansible.plugins.action import ActionBase
from ansible.release import __version__

ROLES = Path(__file__).resolve().parents[2]
OURS = "namaskah_"
HASHED_UNCHECKED = (1).to_bytes(4, "little")  # PEP 552: valid whatever the time of the source is
VERSIONS_KEPT = 3
MOST = 16 * 2**20  # characters of an answer: a long journal or a plan of many files has some hundred thousand
FULL = ("No space left on device", "No usable temporary directory", "Disk quota exceeded")
LOOK = "see on the host what grew so"
MAKE_ROOM = "make room there (see `df -h` and `df -i`), and run it again"
AVAILABLE = 3  # column of df -P
TAIL = 4000  # characters of what was printed last, where a traceback ends
FOLDERS = ("${TMPDIR:-/tmp}", "/var/tmp")  # noqa: S108 - where Python looks for one that it can write to, in this order


class TooLongError(AnsibleError):  # type: ignore[misc] # Ansible brings no types
    """A command on the host printed more than any answer has."""


class ActionModule(ActionBase):
    """Runs a module on the host, as Ansible's own plugin does."""

    _supports_check_mode = True
    _supports_async = True
    _where = "the host"

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module answers."""
        result = super().run(tmp, task_vars)
        self._where = str((task_vars or {}).get("inventory_hostname", "the host"))
        beside = self._task.async_val
        if beside:
            # The job would write below HOME, and whoever asks for it looks in the user's own home: those can be two.
            folder = self._remote_expand_user(self.get_shell_option("async_dir", default="~/.ansible_async"))
            self._connection._shell.set_option("async_dir", folder)  # noqa: SLF001 - as every action does
            self._keep_to_ourselves(folder)
        try:
            answer = self._execute_module(task_vars=task_vars, wrap_async=beside)
        except TooLongError as error:
            return result | self._failed("the answer of a host is too long", self._where, str(error), LOOK)
        except (AnsibleError, OSError) as error:
            full = getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT) or any(w in str(error) for w in FULL)
            if not full:
                raise
            return result | self._failed("no room for temporary files", "the controller", room_here(), MAKE_ROOM)
        # An answer that could not be read is handed on as it was printed.
        printed = f"{answer.get('module_stdout') or ''}"[-TAIL:] + f"{answer.get('module_stderr') or ''}"[-TAIL:]
        if any(word in printed for word in FULL):
            answer = self._failed("no room for temporary files", self._where, self._room_there(), MAKE_ROOM)
        if not beside:  # a step that goes on needs its folder
            self._remove_tmp_path(self._connection._shell.tmpdir)  # noqa: SLF001 - as every action does
        return result | answer

    def _keep_to_ourselves(self, folder: str) -> None:
        """Let nobody else read what jobs beside a run answer: Ansible makes their folder and files for everybody."""
        place = shlex.quote(folder)
        self._low_level_execute_command(f"umask 77 && mkdir -p {place} && chmod 700 {place}")

    def _low_level_execute_command(self, *words: Any, **options: Any) -> dict[str, Any]:
        """Return what a command on the host printed; called by `_execute_module`, which then reads it as JSON."""
        done: dict[str, Any] = super()._low_level_execute_command(*words, **options)
        printed = (done.get("stdout") or "", done.get("stderr") or "")
        length = sum(map(len, printed))
        if length > MOST:
            most = f"{MOST / 2**20:.0f} MB are the most"
            longer = max(printed, key=len)
            raise TooLongError(f"it printed {length / 2**20:.0f} MB, and {most}; it begins {longer[:200]!r}")
        return done

    def _room_there(self) -> str:
        places = " ".join(f'"{folder}"' for folder in FOLDERS)
        asked = self._low_level_execute_command(f"df -Pk {places} | tail -n +2", sudoable=False)
        return room_there(asked.get("stdout") or "")

    def _failed(self, what: str, where: str, why: str, next_step: str) -> dict[str, Any]:
        failure = {"class": "failed", "what": what, "where": where, "why": why, "next": next_step}
        return {"failed": True, "msg": f"{what}: {why}", "failure": failure}

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


def room_there(listing: str) -> str:
    """Return what `df -Pk` says of the folders for temporary files, for people."""
    told = []
    for folder, line in zip(("/tmp", *FOLDERS[1:]), listing.splitlines(), strict=False):  # noqa: S108 - its usual name
        columns = line.split()
        if len(columns) > AVAILABLE and columns[AVAILABLE].isdigit():
            told.append(f"{folder} (on {columns[-1]}) has {int(columns[AVAILABLE]) // 1024} MB free")
    return "; ".join(told) or "no folder for temporary files can be written to"


def room_here() -> str:
    """Return how much room the folder has in which this run packs modules."""
    folder = constants.DEFAULT_LOCAL_TMP
    try:
        return f"{folder} has {shutil.disk_usage(folder).free // 2**20} MB free"
    except OSError:
        return f"{folder} cannot be written to"


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
