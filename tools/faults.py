"""Writes docs/reference/faults.md from the records of injected faults: `make faults`.

Every test run adds to .cache/faults; further folders of records (of another machine) may be named. A record whose test
is no longer there does not count. Without records nothing is written.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "faults.md"
sys.path.insert(0, str(ROOT))

from tests.support.faults import page, record  # noqa: E402 - found by the line above


def exists(test: str) -> bool:
    """Tell whether the test of a record is still in the suites."""
    path, _, name = test.partition("::")
    file = ROOT / path
    return file.is_file() and f"def {name.partition('[')[0].rpartition('::')[2]}(" in file.read_text(encoding="utf-8")


def main() -> int:
    """Write the page; returns 1 when there is nothing to write."""
    folders = [record.FOLDER, *map(Path, sys.argv[1:])]
    injections = [one for one in record.read(folders) if exists(one.test)]
    if not injections:
        print(f"no fault was recorded in {', '.join(map(str, folders))}: run `make test` first", file=sys.stderr)
        return 1
    PAGE.write_text(page.rendered(injections), encoding="utf-8")
    bad = [one for one in injections if not one.passed]
    print(f"docs/reference/faults.md: {len({one.kind for one in injections})} kinds, {len(injections)} injections")
    for one in bad:
        print(f"did not end as it should: {one.kind}, {one.test}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
