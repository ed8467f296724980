"""Has what stands still changed since its tests passed? `make stamps` runs those tests and renews stamps.json.

The load generator, the lab, the sample applications and provisioning stand still while releases are worked on, and
their tests take long. While one of them is as it was when its tests passed, the default run leaves those tests to the
soak and says so. When it is not, they run by default, and `tests/unit/test_stamps.py` fails until its stamp is renewed.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support import default_run
from tests.support.faults.plugin import kinds_of
from tests.support.project import ROOT

FILE = Path("tests/support/stamps.json")
_OF_PROVISIONING = ("commands", "contract", "failure", "files", "foreign", "journal", "locking", "provisioned")
TOOLS: dict[str, dict[str, tuple[str, ...]]] = {
    "the load generator": {"tests": ("tests/load",), "files": ("tests/support/load",)},
    "the lab": {
        "tests": tuple(f"tests/lab/test_{name}.py" for name in ("commands", "host", "lab", "serving")),
        "files": ("tests/support/lab",),
    },
    "the sample applications": {
        "tests": tuple(
            f"tests/examples/test_{name}.py" for name in ("broken", "dashboard", "history", "servers", "versions")
        ),
        "files": ("examples", "tests/support/samples"),
    },
    # With all that its role reads. Every fleet of the lab is provisioned as well when it is made anew.
    "provisioning": {
        "tests": ("tests/lab/provision",),
        "files": (
            "roles/provision",
            "playbooks/provision.yml",
            *(f"roles/application/{name}" for name in ("action_plugins", "defaults", "meta", "tasks", "vars")),
            *(str(file.relative_to(ROOT)) for file in sorted(ROOT.glob("roles/application/presets/*.yml"))),
            *(f"roles/application/module_utils/namaskah_host/{name}.py" for name in _OF_PROVISIONING),
            "roles/backup/defaults",
            "requirements/run.txt",
            "tests/support/lab/provision",
        ),
    },
}
"""What stands still, by its name: where its tests are, and what they are about."""
RENEW = "run `make stamps`, which runs its tests and writes the stamp when all have passed"
LEFT = pytest.StashKey[dict[str, int]]()
_SOAK = re.compile(r"(?<!not )\bsoak\b")


def tool_of(nodeid: str) -> str:
    """Return the tool that a test is about, or ""."""
    file = nodeid.partition("::")[0]
    return next(
        (
            name
            for name, tool in TOOLS.items()
            if any(file == path or file.startswith(f"{path}/") for path in tool["tests"])
        ),
        "",
    )


def digest(name: str, root: Path = ROOT) -> str:
    """Return the hash of a tool and of its tests: of the names and contents of all their files."""
    found = hashlib.sha256()
    for path in (root / word for kind in ("files", "tests") for word in TOOLS[name][kind]):
        for file in sorted(_files(path)):
            content = file.read_bytes()
            found.update(f"{file.relative_to(root)} {len(content)}\n".encode() + content)
    return found.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    every = path.rglob("*") if path.is_dir() else [path]
    return (file for file in every if file.is_file() and file.parent.name != "__pycache__")


def unchanged(root: Path = ROOT) -> set[str]:
    """Return the tools that are as they were when their tests passed last."""
    stamps = _stamps(root)
    return {name for name in TOOLS if stamps.get(name) == digest(name, root)}


def _stamps(root: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((root / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def left_out(kinds: Mapping[str, set[str]], tools: Collection[str]) -> list[str]:
    """Return which of the default run's tests it leaves out where these `tools` are unchanged.

    `kinds` gives the kinds of faults that each test injects: a test stays that alone injects one.
    """
    own = [test for test in kinds if tool_of(test) in tools]
    injected = {kind for test, found in kinds.items() if tool_of(test) not in tools for kind in found}
    left = []
    for test in own:
        if kinds[test] <= injected:
            left.append(test)
        injected |= kinds[test]
    return left


def leave_to_soak(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Mark the tests of unchanged tools as the soak's, which runs those of the changed ones, too.

    Who names files or folders wants what is in them, changed or not.
    """
    if _SOAK.search(config.getoption("-m")):
        left = {item.nodeid for item in items if tool_of(item.nodeid)}
    elif default_run.collects_all(config):
        default = {item.nodeid: kinds_of(item) for item in items if default_run.belongs(item)}
        left = set(left_out(default, unchanged(config.rootpath)))
        config.stash[LEFT] = dict(Counter(tool_of(nodeid) for nodeid in left))
    else:
        return
    for item in items:
        if item.nodeid in left:
            item.add_marker(pytest.mark.soak)


class Telling:
    """Says at the end what was left out and why; a worker of pytest-xdist collects, and tells its controller."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.left = self.left or session.config.stash.get(LEFT, {})
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = self.left

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        self.left = getattr(node, "workeroutput", {}).get("left_out") or self.left

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name, count in self.left.items():
            terminalreporter.write_line(
                f"left to the soak: {count} tests of {name}, which is as it was when they passed ({FILE})"
            )


class Outcomes:
    """Which tools had a test that did not pass, and which had any that did."""

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.bad: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.bad[tool_of(report.nodeid)] += not report.passed
        self.passed[tool_of(report.nodeid)] += report.passed and report.when == "call"

    def good(self, name: str) -> bool:
        """Whether all tests of a tool passed: one that was skipped has proved nothing."""
        return bool(self.passed[name]) and not self.bad[name]


def main(words: Sequence[str] = ()) -> int:
    """Run the tests of every tool that changed, and write the stamps of those of which all passed.

    `words` choose among the tools, as where there is no lab: `make stamps ARGS=load`.
    """
    chosen = [name for name in TOOLS if not words or any(word in name.split() for word in words)]
    changed = {name: digest(name) for name in chosen if name not in unchanged()}
    if not changed:
        print(f"current: the stamps of {', '.join(chosen) or 'nothing'}")
        return 0
    outcomes = Outcomes()
    status = pytest.main([path for name in changed for path in TOOLS[name]["tests"]], plugins=[outcomes])
    ran = status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    good = {name: stamp for name, stamp in changed.items() if ran and outcomes.good(name) and digest(name) == stamp}
    stamps = {name: stamp for name, stamp in {**_stamps(ROOT), **good}.items() if name in TOOLS}
    (ROOT / FILE).write_text(json.dumps(stamps, indent=2) + "\n", encoding="utf-8")
    for name in changed:
        print(f"{name}: {'stamped' if name in good else 'NOT stamped: not all of its tests passed as it stands now'}")
    return 0 if good == changed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
