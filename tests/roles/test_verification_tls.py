"""Is an address with TLS asked under its own name, and never believed with a certificate of somebody else?"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_checks.asking import http_check, websocket_check
from ansible.module_utils.namaskah_checks.outcome import CheckFailed
from ansible.module_utils.namaskah_checks.stream import certificate_name, parse_address
from ansible.module_utils.namaskah_checks.words import read_http, read_websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.verification.server import RELEASE, TcpServer, on_tcp, serving

NAME = "shop.example"
(HEALTH,) = read_http([{"name": "health", "path": "/ok"}])
(ECHO,) = read_websockets([{"name": "echo", "path": "/ws/echo", "message": "hi", "expect": "hi"}])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[TcpServer]:
    made = on_tcp()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    made.handle_error = lambda *_: None  # type: ignore[method-assign] # refused handshakes are the client's to judge
    with serving(made) as running:
        assert isinstance(running, TcpServer)
        yield running


def url(server: TcpServer) -> str:
    return f"https://127.0.0.1:{server.port}"


def test_a_known_authority_and_the_right_name(server: TcpServer, certificate: Path) -> None:
    address = parse_address(url(server), NAME, str(certificate))
    assert "200 from https://127.0.0.1:" in http_check(HEALTH, address, RELEASE, 2, "front").ask()
    assert "reply as expected" in websocket_check(ECHO, address, RELEASE, 2, "front").ask()
    origins = [headers.get("origin") for _, headers in server.seen]
    assert origins == [None, f"https://{NAME}"]


@pytest.mark.fault("front: certificate wrong", ends="found")
def test_an_unknown_authority_is_refused(server: TcpServer) -> None:
    with pytest.raises(CheckFailed, match=r"the certificate is not valid for shop\.example: self-signed certificate"):
        http_check(HEALTH, parse_address(url(server), NAME), RELEASE, 2, "front").ask()


@pytest.mark.fault("front: certificate wrong", ends="found")
def test_another_name_is_refused(server: TcpServer, certificate: Path) -> None:
    address = parse_address(url(server), "other.example", str(certificate))
    with pytest.raises(CheckFailed, match=r"the certificate is not valid for other\.example: Hostname mismatch"):
        http_check(HEALTH, address, RELEASE, 2, "front").ask()


def test_a_missing_authority_file_is_named(server: TcpServer, tmp_path: Path) -> None:
    address = parse_address(url(server), NAME, str(tmp_path / "none.pem"))
    with pytest.raises(CheckFailed, match=r"none\.pem"):
        http_check(HEALTH, address, RELEASE, 2, "front").ask()


def test_no_tls_behind_https() -> None:
    with serving(on_tcp()) as plain:
        assert isinstance(plain, TcpServer)
        with pytest.raises(CheckFailed, match="does not speak TLS as it should"):
            http_check(HEALTH, parse_address(url(plain), NAME), RELEASE, 1, "front").ask()


@pytest.mark.parametrize(("name", "wanted"), [("a.example:8443", "a.example"), ("[::1]:443", "::1"), ("a", "a")])
def test_the_name_in_a_certificate_has_no_port(name: str, wanted: str) -> None:
    assert certificate_name(name) == wanted
