"""Is a release whose processes die young behind a living parent found before it gets traffic?"""

from __future__ import annotations

import pytest
from ansible.module_utils.namaskah_host import activation, switch
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.health import GOOD_IN_A_ROW, complaint
from ansible.module_utils.namaskah_host.observed import running_processes
from ansible.module_utils.namaskah_host.release import Release, current

from tests.support.folder_host import FolderHost


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


@pytest.mark.fault("process stopped", ends="refused", where="while the new release settles")
def test_a_stopped_process_is_found_and_killed(host: FolderHost) -> None:
    """SIGSTOP after its gate: its manager believes in it, its socket accepts, and it hears no signal but SIGKILL."""
    first = host.prepared()
    activation.activate(host.contract, first, 60)
    activation.confirm(host.contract, first)
    broken = host.prepared(f"stops after {GOOD_IN_A_ROW} answers")
    with pytest.raises(Failure, match=r"it was well at first, then: .*timed out") as caught:
        activation.activate(host.contract, broken, 60)
    assert caught.value.kind == "unhealthy"
    live = current(host.contract)
    assert live is not None
    assert live.id == first["release"]
    assert complaint(host.contract, live.services[0], "blue", live.id) == ""
    assert switch.read(host.contract) is None
    folder = str(Release(host.contract, broken["release"]).folder)
    assert [process for process in running_processes(host.contract) if process["cwd"] == folder] == []
