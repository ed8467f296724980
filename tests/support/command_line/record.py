"""`python -m tests.support.command_line.record` writes events/*.jsonl anew: what ansible-runner really says."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from namaskah_deploy import environments, launch, plan
from namaskah_deploy.plan import LaunchPlan
from namaskah_deploy.request import Kind, Request
from tests.support.command_line.small import CONTENT, LOST, World, world

EVENTS = Path(__file__).parent / "events"
STREAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "ok": ("deploy", {}),
    "failed": ("deploy", {"hosts": {"web1": {}, "web2": {"small_unhealthy": True}}}),
    "rescued": ("rescued", {}),
    "unreachable": ("deploy", {"hosts": {"web1": {}, "web2": LOST}}),
    "no_hosts": ("nobody", {}),
    "bad_argument": ("spec", {}),
    "broken": ("broken", {}),
}
"""Name of a stream -> playbook and the world that it runs in."""
BROKEN = "- name: Read a playbook that is missing\n  ansible.builtin.import_playbook: missing.yml\n"


def plan_of(made: World, playbook: str, **words: Any) -> LaunchPlan:
    """Return the plan that runs the small `playbook` in the world `made`."""
    surroundings = made.surroundings()
    request = Request(kind=Kind.STATUS, environment="production", ref="new", **words)
    found = plan.make(
        request,
        environments.load(made.inventory, "production"),
        surroundings.content,
        run_id="run",
        environ=surroundings.environ,
        programs=surroundings.programs,
        folder=surroundings.folder,
    )
    path = CONTENT / "playbooks" / f"{playbook}.yml"
    if playbook == "broken":  # it is not kept as a file, for a checker would find it as broken as it is
        path = made.root / "broken.yml"
        path.write_text(BROKEN, encoding="utf-8")
    return dataclasses.replace(found, playbook=path)


def main() -> None:
    """Run each playbook and keep its raw events, with the folders of this machine taken out."""
    EVENTS.mkdir(exist_ok=True)
    for name, (playbook, arguments) in STREAMS.items():
        with tempfile.TemporaryDirectory() as folder:
            lines: list[str] = []
            launch.run(plan_of(world(Path(folder), **arguments), playbook), lambda _: None, redact=_keeping(lines))
            text = "\n".join(lines).replace(folder, "/world").replace(str(CONTENT), "/content")
            (EVENTS / f"{name}.jsonl").write_text(text + "\n", encoding="utf-8")


def _keeping(lines: list[str]) -> Callable[[Any], Any]:
    def keep(raw: Any) -> Any:
        lines.append(json.dumps(raw, ensure_ascii=False))
        return raw

    return keep


if __name__ == "__main__":
    main()
