"""With which environment and words does a service start? Copied into every release as its launchers.

It stands alone (standard library only), so that a release starts in the same way under every process manager, and
an old release starts as it did when it was new.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import struct
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


def read_environment(path: str) -> dict[str, str]:
    r"""Return the variables of an environment file: KEY=VALUE lines, optional quotes, `#` lines are comments.

    Values are taken literally: nothing is expanded. In double quotes, \n, \" and \\ are escapes.
    Raises OSError, or ValueError with the line's number and nothing of what stands there.
    """
    variables: dict[str, str] = {}
    try:
        content = Path(path).read_bytes().decode("utf-8-sig")  # an editor may have put a mark before the first name
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}: line {number} is not in UTF-8") from None
    # Lines end at a newline alone: other marks that str.splitlines knows may be part of a value.
    for number, line in enumerate(content.split("\n"), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, equals, value = text.removeprefix("export ").partition("=")
        key = key.strip()
        if not equals or not key.replace("_", "a").isalnum() or key[0].isdigit():
            raise ValueError(f"{path}: line {number} is not KEY=VALUE")
        if "\0" in value:
            raise ValueError(f"{path}: line {number} holds a NUL, which no environment takes")
        variables[key] = unquote(value.strip())
    return variables


def unquote(value: str) -> str:
    """Return the value without the quotes around it."""
    quote = value[:1] if value[1:].endswith(value[:1]) else ""
    if quote == "'":
        return value[1:-1]
    if quote == '"':
        return value[1:-1].replace("\\\\", "\0").replace('\\"', '"').replace("\\n", "\n").replace("\0", "\\")
    return value


def fill(words: Iterable[str], values: Mapping[str, str]) -> list[str]:
    """Return the words with {name} replaced for every name in `values`; other braces stay as they are."""
    filled = []
    for word in words:
        text = str(word)
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        filled.append(text)
    return filled


def environment(variables: Mapping[str, str], venv: str) -> dict[str, str]:
    """Return the surrounding environment with the file's variables and the virtualenv's programs first."""
    merged = {**os.environ, **variables}
    merged["VIRTUAL_ENV"] = venv
    merged["PATH"] = f"{venv}/bin:" + merged.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    merged.setdefault("LC_ALL", "C.UTF-8")
    return merged


def listener(connected: socket.socket) -> tuple[int, str]:
    """Return the process id of who listens on the other end of a unix socket, and how it is called."""
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, user, _ = struct.unpack("3i", raw)  # unix(7)
    return pid, described(pid, user)


def described(pid: int, user: int) -> str:
    """Return how a process of a user is called, in words."""
    program, name = "a process", str(user)
    with contextlib.suppress(OSError):
        program = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    with contextlib.suppress(KeyError):
        name = pwd.getpwuid(user).pw_name
    return f"{ascii(program)[1:-1]} (pid {pid}, user {name})"


def clear_stale_socket(path: str) -> None:
    """Remove a socket that nobody answers on: some servers refuse to start on it, none needs it.

    Exits when somebody answers: two processes must not fight for one instance.
    """
    probe = socket.socket(socket.AF_UNIX)
    probe.settimeout(2)
    try:
        probe.connect(path)
    except (ConnectionRefusedError, FileNotFoundError):
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
    except OSError as error:  # nobody takes connections from its queue, or it may not be asked
        sys.exit(f"launch: {path} is kept by another process, and nobody answers ({error}); it must stop first")
    else:
        sys.exit(f"launch: another process answers on {path}: {listener(probe)[1]}; it must stop first")
    finally:
        probe.close()


def main() -> None:
    """Become the service that this launcher is named after."""
    folder = Path(__file__).resolve().parent
    release = folder.parent
    name = Path(sys.argv[0]).name
    instance = os.environ["NAMASKAH_INSTANCE"]
    facts = json.loads((folder / "launch.json").read_text(encoding="utf-8"))
    service = facts["services"][name]
    try:
        variables = read_environment(facts["env_file"]) if facts["env_file"] else {}
    except (OSError, ValueError) as error:
        sys.exit(f"launch: the environment file cannot be read: {error}")
    values = {
        "release": str(release),
        "venv": facts["venv"],
        "shared": facts["shared"],
        "instance": instance,
        "socket": f"{facts['runtime']}/{instance}/{name}.sock",
        "port": str(service.get("ports", {}).get(instance, "")),
    }
    variables |= {
        "NAMASKAH_RELEASE": facts["release"],
        "NAMASKAH_COMMIT": facts["commit"],
        "NAMASKAH_SERVICE": name,
        "NAMASKAH_INSTANCE": instance,
    }
    if service.get("listen") == "socket":
        variables["NAMASKAH_SOCKET"] = values["socket"]
        clear_stale_socket(values["socket"])
    if service.get("listen") == "port":
        variables["NAMASKAH_PORT"] = values["port"]
    words = fill(service["command"], values)
    os.chdir(release)
    os.execvpe(  # noqa: S606 - there is no shell on purpose
        words[0], words, environment(variables, facts["venv"])
    )


if __name__ == "__main__":
    main()
