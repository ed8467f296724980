"""Does the build see what a page names and nobody committed?"""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from ledger import build


class Build(unittest.TestCase):
    def run_on(self, page: str) -> int:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            (root / "pages").mkdir()
            (root / "static").mkdir()
            (root / "static" / "there.js").touch()
            (root / "pages" / "index.html").write_text(page)
            with mock.patch.object(build, "ROOT", root), mock.patch("builtins.print"):
                return build.main()

    def test_names_are_compared_with_files(self) -> None:
        assert self.run_on('<script src="/static/there.js?v=1">') == 0
        assert self.run_on('<script src="/static/gone.js">') == 1

    def test_the_committed_pages_are_complete(self) -> None:
        assert build.references()
        with mock.patch("builtins.print"):
            assert build.main() == 0
