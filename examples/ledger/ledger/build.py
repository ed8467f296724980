"""Is every file there that the pages name? Run before a release is used: `python -m ledger.build`."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = re.compile(r"""(?:src|href)="/(static/[^"?#]+)""")


def references() -> set[str]:
    """Return every static file that a page names."""
    return {name for page in (ROOT / "pages").glob("*.html") for name in REFERENCE.findall(page.read_text("utf-8"))}


def main() -> int:
    """Say what is missing, if anything is; return the exit status."""
    named = references()
    missing = sorted(name for name in named if not (ROOT / name).is_file())
    for name in missing:
        print(f"build: a page names {name}, and there is no such file", file=sys.stderr)
    if not missing:
        print(f"build: all {len(named)} static files that pages name are there")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
