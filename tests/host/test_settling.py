"""Is a release whose processes die young behind a living parent found before it gets traffic?"""

from __future__ import annotations

import pytest
from ansible.module_utils.namaskah_host import activation, switch
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import Release, current

from .conftest import FolderHost


@pytest.mark.fault("release: children die", ends="refused")
def test_what_dies_young_never_gets_traffic(host: FolderHost) -> None:
    """Its health is good all the time and its manager sees no restart; only its children are replaced."""
    broken = host.prepared("children die young")
    with pytest.raises(Failure, match="keep ending") as caught:
        activation.activate(host.contract, broken, 60)
    assert caught.value.kind == "unhealthy"
    assert current(host.contract) is None
    assert switch.read(host.contract) is None
    assert Release(host.contract, broken["release"]).record["state"] == "bad"
