"""How does a test call one of our modules? As a host does, by its own Python, without a run of Ansible around it.

A run of Ansible costs two seconds of processor, the module itself a quarter of one. What Ansible adds - packing the
module, quoting its arguments, reading its answer - is the same for all of them, and `test_packed_modules.py` compares
both ways for each module that is called here.
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ansible

from tests.support.playing import Played
from tests.support.project import ROOT

SECONDS = 300  # the longest that a call may take
# Gives the arguments on standard input to the module as Ansible's own tests of modules do.
_PROGRAM = """
import json, runpy, sys
sys.path.insert(0, sys.argv[1])
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.load(sys.stdin)):
    runpy.run_path(sys.argv[2], run_name="__main__")
"""


def call(
    tasks: Sequence[Mapping[str, Any]], interpreter: Sequence[str | Path], *, env: Mapping[str, str] | None = None
) -> Played:
    """Call the module of each task, one after the other, up to the first that fails without `ignore_errors`.

    A task is a name and a module with its arguments, as in a play. The words of `interpreter` begin a Python of the
    host, as the user whom the modules shall run as.
    """
    output = ""
    answers: list[tuple[str, dict[str, Any]]] = []
    for task in tasks:
        (module,) = [key for key in task if key.startswith("namaskah_")]
        command = [*map(str, interpreter), "-c", _PROGRAM, str(_laid_out()), str(_laid_out() / f"{module}.py")]
        done = subprocess.run(
            command,
            input=json.dumps(task[module]),
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        output += done.stdout + done.stderr
        if done.returncode < 0:  # killed: it gave no answer, and Ansible calls that a failure, too
            return Played(2, f"{output}{module} was ended by signal {-done.returncode}\n", answers)
        try:
            answer = json.loads(done.stdout)
        except ValueError as error:
            raise AssertionError(f"{module} ended with {done.returncode} and gave no answer:\n{output}") from error
        answer.pop("invocation", None)
        answers.append((str(task["name"]), answer))
        if done.returncode and not task.get("ignore_errors"):
            return Played(2, output, answers)
    return Played(0, output, answers)


@cache
def _laid_out() -> Path:
    """Return a folder that every user can read, with our modules and all that they import, compiled."""
    _FOLDERS.append(tempfile.TemporaryDirectory(prefix="namaskah-modules-"))
    folder = Path(_FOLDERS[0].name)
    folder.chmod(0o755)
    package = folder / "ansible"
    package.mkdir()
    theirs = Path(ansible.__file__).parent
    (package / "__init__.py").touch()  # Ansible sends an empty one, too
    shutil.copy(theirs / "release.py", package)
    for source in (theirs, *sorted(ROOT.glob("roles/*"))):
        if (source / "module_utils").is_dir():
            shutil.copytree(source / "module_utils", package / "module_utils", dirs_exist_ok=True)
    for module in ROOT.glob("roles/*/library/*.py"):
        shutil.copy(module, folder)
    compileall.compile_dir(folder, quiet=2)
    return folder


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
