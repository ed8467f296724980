"""As whom does the demo run? As who started it; started by root, as another user that exists already.

PostgreSQL refuses to run as root, and releases should not. No user is created: the demo takes the one who called
sudo, or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence

from demo.errors import DemoError
from demo.places import CLONE, FOLDER

# Lets the other user read a clone or an interpreter below a closed folder such as root's home (capabilities(7)).
# Without the secure bit, access(2) would still say that the user may not, and supervisord believes it.
READ_ANYWHERE = (
    "--bounding-set=-all,+dac_read_search",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
    "--securebits=+no_setuid_fixup",
)
# In a child, because setpriv itself still has root's rights when it starts its command.
PROBE = (
    "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import ansible, psutil, demo.story']))"
)


def become_ordinary(arguments: Sequence[str]) -> None:
    """Started by root, become an ordinary user with a folder of its own; does not return then.

    Raises DemoError when there is no way to do it on this machine.
    """
    if os.geteuid() != 0:
        return
    user = ordinary_user()
    prefix = entry(user)
    take_over_folder(user)
    command = [*prefix, sys.executable, "-m", "demo", *arguments]
    os.chdir(CLONE)
    os.execvpe(command[0], command, environment(user))  # noqa: S606 - an argument list, no shell


def ordinary_user() -> pwd.struct_passwd:
    """The user who called sudo, or `nobody`."""
    caller = int(os.environ.get("SUDO_UID", "0"))
    try:
        return pwd.getpwuid(caller) if caller else pwd.getpwnam("nobody")
    except KeyError as error:
        raise DemoError(f"No ordinary user to run as was found ({error}). Run the demo as an ordinary user.") from None


def entry(user: pwd.struct_passwd) -> list[str]:
    """The words before a command that make it run as `user`; proved by importing what the demo needs."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise DemoError("setpriv (Debian package util-linux) is missing. Run the demo as an ordinary user instead.")
    plain = [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    said = ""
    for prefix in (plain, [*plain, *READ_ANYWHERE]):
        tried = subprocess.run(
            [*prefix, sys.executable, "-c", PROBE],
            cwd=CLONE,
            env=environment(user),
            capture_output=True,
            text=True,
            check=False,
        )
        if tried.returncode == 0:
            return prefix
        said = tried.stderr.strip().splitlines()[-1] if tried.stderr.strip() else f"exit status {tried.returncode}"
    raise DemoError(
        f"The user {user.pw_name} cannot use this clone or its Python: {said}\n"
        f"Next: clone into a folder that everybody may read, or run the demo as an ordinary user."
    )


def environment(user: pwd.struct_passwd) -> dict[str, str]:
    """The environment without what belongs to root."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SUDO_", "XDG_", "PYTHON"))}
    return {**kept, "HOME": str(FOLDER), "USER": user.pw_name, "LOGNAME": user.pw_name}


def take_over_folder(user: pwd.struct_passwd) -> None:
    """Give `user` an own, empty folder; what another user's run left in it is ended and removed as that user."""
    FOLDER.mkdir(exist_ok=True)
    owner = FOLDER.lstat().st_uid
    if owner not in (0, user.pw_uid):
        before = pwd.getpwuid(owner)
        cleaned = [*entry(before), sys.executable, "-m", "demo", "--clean"]
        subprocess.run(cleaned, cwd=CLONE, env=environment(before), check=True)
    os.chown(FOLDER, user.pw_uid, user.pw_gid, follow_symlinks=False)
    FOLDER.chmod(0o755)
