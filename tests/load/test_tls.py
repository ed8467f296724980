"""Is an https front loaded with its certificate verified, and a wrong one found?"""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.load import resolve_target
from tests.support.load.trial_runs import PROFILE, load, settings
from tests.support.load.trial_site import Site, running

NAME = "app.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*request, "-addext", f"subjectAltName=DNS:{NAME}", *files], check=True, capture_output=True)
    return folder / "cert.pem"


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


def url(site: Site) -> str:
    return f"https://127.0.0.1:{site.port}"


def test_every_kind_works_over_tls(certificate: Path, server_side: ssl.SSLContext) -> None:
    with running(tls=server_side) as site:
        target = resolve_target(url(site), f"{NAME}:{site.port}", cafile=str(certificate))
        report = load(replace(settings(site), target=target))
    assert report.failed == 0, report
    assert all(kind.ok > 0 for kind in report.kinds.values())
    assert report.keepalive.reused_closed == 0


@pytest.mark.parametrize(("name", "trusted"), [("other.example", True), (NAME, False)])
def test_a_wrong_certificate_is_found(name: str, trusted: bool, certificate: Path, server_side: ssl.SSLContext) -> None:
    with running(tls=server_side) as site:
        target = resolve_target(url(site), name, cafile=str(certificate) if trusted else None)
        report = load(replace(settings(site, replace(PROFILE, ledger_path="")), target=target))
    assert all(kind.ok == 0 and kind.errors.keys() == {"tls"} for kind in report.kinds.values()), str(report)
