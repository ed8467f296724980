"""Does the program do what its help says: report, JSON, exit codes, signals, refusals?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.load import Report
from tests.support.load.cli import main
from tests.support.load.trial_site import faulty, running
from tests.support.project import ROOT

QUICK = ["--rate", "30", "--rate-of", "slow=0", "--websockets", "2", "--host-header", "app.example"]


def test_a_good_site_ends_with_0_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report.json"
    with running() as site:
        code = main(["--url", f"http://127.0.0.1:{site.port}", "--seconds", "1", "--json", str(out), *QUICK])
    assert code == 0
    data = json.loads(out.read_text())
    assert data["failed"] == 0
    assert data["host_header"] == "app.example"
    assert json.loads(Report.from_dict(data).to_json()) == data
    assert "0 failed" in capsys.readouterr().out


def test_a_bad_site_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with running(faulty("502", [3])) as site:
        code = main(["--url", f"http://127.0.0.1:{site.port}", "--seconds", "1", *QUICK])
    assert code == 1
    assert "status 502" in capsys.readouterr().out


def test_a_gap_over_the_limit_ends_with_1() -> None:
    with running() as site:
        code = main(["--url", f"http://127.0.0.1:{site.port}", "--seconds", "1", "--max-gap-ms", "1", *QUICK])
    assert code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "http://93.184.216.34"], "is refused"),
        (["--url", "http://127.0.0.1:1", "--rate-of", "post=3"], "KIND one of"),
        (["--url", "http://127.0.0.1:1", "--rate-of", "get=fast"], "not a number"),
        (["--url", "http://127.0.0.1:1", "--token-file", "/nowhere/token"], "No such file"),
        (["--url", "http://127.0.0.1:1", "--seconds", "0"], "seconds"),
    ],
)
def test_refused_options_end_with_2_and_a_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_load_with_a_report(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "report.json"
    with running() as site:
        url = f"http://127.0.0.1:{site.port}"
        command = [
            sys.executable,
            "-m",
            "tests.support.load",
            "--url",
            url,
            "--seconds",
            "300",
            "--json",
            str(out),
            *QUICK,
        ]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as program:
            deadline = time.monotonic() + 15
            while site.counts["/healthz"] < 10:
                assert time.monotonic() < deadline, "the load did not begin"
                time.sleep(0.05)
            program.send_signal(number)
            program.communicate(timeout=20)
    assert program.returncode == 0
    data = json.loads(out.read_text())
    assert data["sent"] > 10
    assert data["ended_by"] == "stop"
