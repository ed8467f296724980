"""What did a run that ended badly leave in the database, and how is it undone? Says only what was observed; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from namaskah_deploy.report import Part, Result


def sentence(part: Part) -> str:
    """Return whether the database may be ahead of the code that serves, for a run that failed in its migrations."""
    said = [result.data for result in part.results if result.phase == "migration"]
    told = [data for data in said if isinstance(data.get("applied"), list)]
    if told and not any(_changed(data) for data in told):
        return "no migration was applied"
    return "the database may be ahead of the running code"


def _changed(data: Mapping[str, Any]) -> bool:
    return bool(data.get("applied") or data.get("reversed") or data.get("unknown"))


def advice(environment: str, part: Part) -> tuple[str, ...]:
    """Return what was left in the database, which rows are gone, and the commands that undo it; nothing if nothing."""
    told = [result for result in part.results if result.phase == "migration" and _changed(result.data)]
    if not told:
        return ()
    return tuple(line for line in (_schema(told[0].data), *_rows(environment, part, told)) if line)


def _schema(data: Mapping[str, Any]) -> str:
    if data.get("applied"):
        effect = {
            "breaking": "THE CODE THAT SERVES NOW FAILS ON THEM",
            "unknown": "they stay; whether the code that serves now works with them is unknown",
        }.get(str(data.get("schema")), "they stay")
        undo = "\n".join(line for line in data.get("undo") or () if line)
        said = f"THE DATABASE IS AHEAD: {', '.join(data['applied'])} applied; {effect}"
        return said + (f". To undo them:\n{undo}" if undo else "")
    if data.get("reversed"):
        names = ", ".join(data["reversed"])
        return f"THE DATABASE WAS CHANGED: {names} taken back; what serves now may need it: release it once more"
    return f"WHETHER THE DATABASE IS AHEAD IS UNKNOWN, for nobody could ask it: {data['unknown']}"


def _rows(environment: str, part: Part, told: list[Result]) -> Iterator[str]:
    """Yield which tables have fewer rows than the backup of the run, which no reversal of a migration brings back."""
    lines = [line for result in told for line in result.data.get("fewer_told") or ()]
    if lines:
        backups = [result.data for result in part.results if result.phase == "backup" and result.data.get("counts")]
        made = [data["id"] for data in backups if data.get("id")]
        back = f"namaskah-deploy backups restore {environment} {made[-1]}" if made else "namaskah-deploy backups"
        yield "\n".join(
            ["ROWS ARE GONE, and no undo of a migration brings them back:", *lines, f"they come back by: {back}"]
        )
