"""`python -m tests.support.command_line.record` writes events/*.jsonl anew: what ansible-runner really says."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
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
# What no two runs have in common: when something was, how long it took, and numbers that were made for it.
PASSING = {"created", "start", "end", "delta", "duration", "pid", "counter", "start_line", "end_line"}


def plan_of(made: World, playbook: str, environ: Mapping[str, str] | None = None, **words: Any) -> LaunchPlan:
    """Return the plan that runs the small `playbook` in the world `made`; `environ` is added to the operator's."""
    surroundings = made.surroundings()
    operators = {**surroundings.environ, **(environ or {})}
    request = Request(kind=Kind.STATUS, environment="production", ref="new", **words)
    found = plan.make(
        request,
        environments.load(made.inventory, "production"),
        surroundings.content,
        run_id="run",
        environ=operators,
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
            launch.run(
                plan_of(world(Path(folder), **arguments), playbook), lambda _: None, redact=keeping(lines, folder)
            )
            (EVENTS / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def keeping(lines: list[str], folder: str, then: Callable[[Any], Any] = lambda raw: raw) -> Callable[[Any], Any]:
    """Return what adds each raw event to `lines`, without the folders of this machine, and hands it to `then`."""

    def keep(raw: Any) -> Any:
        text = json.dumps(raw, ensure_ascii=False)
        lines.append(text.replace(folder, "/world").replace(str(CONTENT), "/content"))
        return then(raw)

    return keep


def essence(raw: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return what a stream says of each host ("" = of none) and in which order, without what no two runs share.

    Which of two hosts is the first to end a task is chance as well.
    """
    found: dict[str, list[Any]] = defaultdict(list)
    for event in raw:
        data = event.get("event_data") or {}
        shown = {} if data else {"stdout": event["stdout"]}  # elsewhere it repeats the data, for people
        found[str(data.get("host", ""))].append(_lasting({"event": event["event"], "event_data": data, **shown}))
    return dict(found)


def _lasting(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _lasting(one) for name, one in value.items() if name not in PASSING and "uuid" not in name}
    return [_lasting(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
