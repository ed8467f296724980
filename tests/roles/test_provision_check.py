"""Does provisioning refuse what would publish more than was meant, before it changes anything?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.playing import play
from tests.support.project import ROOT

NAME = "Refuse URL prefixes and folders that would publish what lies beside them"
TASK = next(
    task for task in yaml.safe_load((ROOT / "roles/provision/tasks/check.yml").read_text()) if task["name"] == NAME
)
RIGHT = {
    "provision_on_app": True,
    "provision_front": True,
    "namaskah_static_url": "/static/",
    "namaskah_static_root": "public/static",
    "provision_shared_urls": {"/media/": "media", "/~a/b.c/": "exports/daily/"},
}


def test_what_is_right_is_let_through(tmp_path: Path) -> None:
    assert play([TASK], tmp_path, variables=RIGHT).status == 0
    played = play([TASK], tmp_path, variables={**RIGHT, "namaskah_static_url": "x", "namaskah_static_root": ""})
    assert played.status == 0, "nothing is served by it"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"namaskah_static_url": "/static"}, "namaskah_static_url: /static/"),
        ({"namaskah_static_root": "."}, "namaskah_static_url"),
        ({"provision_shared_urls": {"/media": "media"}}, "provision_shared_urls: {/media/: media}"),
        ({"provision_shared_urls": {"/media/": "../releases"}}, "provision_shared_urls"),
    ],
)
def test_what_would_publish_its_neighbours_is_refused(tmp_path: Path, words: dict[str, Any], said: str) -> None:
    played = play([TASK], tmp_path, variables={**RIGHT, **words})
    assert played.status != 0
    assert said in " ".join(played.output.split())
