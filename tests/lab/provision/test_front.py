"""Does the public get what `current` names: answers, WebSockets, static files of now and of before?"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lab.host import Host
from tests.support.lab.provision.fleet import APP, ROOT, RUNTIME, Fleet, as_user
from tests.support.lab.provision.releases import do, make_release, point_current, remove_releases

pytestmark = pytest.mark.lab

# Asks by HTTPS as a balancer would that serves plain HTTP to its own clients; prints the answer.
ASK_BY_TLS = """
import http.client, ssl, sys
connection = http.client.HTTPSConnection(sys.argv[1], 443, timeout=20, context=ssl._create_unverified_context())
headers = {"Host": "shop.test", "X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "http"}
connection.request("GET", "/", headers=headers)
print(connection.getresponse().read().decode())
"""
CTL = ["sudo", "-n", "/usr/bin/systemctl"]
SITE = f"/etc/nginx/conf.d/namaskah-{APP}.conf"


@pytest.fixture(scope="module")
def served(fleet: Fleet) -> Iterator[Fleet]:
    """Both instances run, started by the deploy user; `current` names blue."""
    host = fleet.app
    for instance in ("blue", "green"):
        make_release(host, instance)
        for service in ("web", "api"):
            host.ssh([*CTL, "start", f"{APP}-{service}@{instance}.service"], user="deploy")
    point_current(host, "blue")
    do(
        host,
        f"mkdir -p {ROOT}/shared/assets/static/css && echo old >{ROOT}/shared/assets/static/css/app.0123456789ab.css",
    )
    wait_for(host, "blue")
    yield fleet
    for service in ("web", "api"):
        host.run(["systemctl", "stop", f"{APP}-{service}@blue.service", f"{APP}-{service}@green.service"])
    remove_releases(host)


def wait_for(host: Host, instance: str) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        status, _, body = get(host, "/")
        if status == 200 and json.loads(body)["instance"] == instance:
            return
        time.sleep(0.1)
    raise AssertionError(f"{instance} does not answer: {status} {body!r}")


def get(
    host: Host, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(host.address, 80, timeout=20)
    connection.request(method, path, body or None, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


def told(host: Host, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    status, _, body = get(host, path, headers)
    assert status == 200, body
    found: dict[str, Any] = json.loads(body)
    return found


def test_one_rename_moves_answers_and_static_files(served: Fleet) -> None:
    host = served.app
    for instance in ("green", "blue", "green", "blue"):
        point_current(host, instance)
        assert told(host, "/any?x=1")["instance"] == instance
        status, _, body = get(host, "/static/css/plain.css")
        assert (status, body) == (200, f"/* plain {instance} */".encode())


def test_a_request_under_way_ends_where_it_began(served: Fleet) -> None:
    host = served.app
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(told(host, "/slow")))
    thread.start()
    time.sleep(1)
    point_current(host, "green")
    assert told(host, "/")["instance"] == "green"
    thread.join()
    assert answers[0]["instance"] == "blue"
    point_current(host, "blue")


def test_what_the_application_learns_of_the_client(served: Fleet) -> None:
    """A client cannot pretend to be another: what it says of itself is replaced."""
    lies = {"X-Forwarded-For": "1.2.3.4", "X-Real-IP": "1.2.3.4", "X-Forwarded-Proto": "https", "Host": "shop.test:81"}
    headers = told(served.app, "/", lies)["headers"]
    controller = served.lab.network.controller
    assert headers["host"] == "shop.test:81"
    assert headers["x-forwarded-for"] == controller
    assert headers["x-real-ip"] == controller
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == "shop.test"
    assert headers["connection"] == "close"
    assert "upgrade" not in headers


def test_an_upgraded_connection_carries_bytes_both_ways(served: Fleet) -> None:
    with socket.create_connection((served.app.address, 80), timeout=10) as connection:
        connection.sendall(
            b"GET /ws/x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n"
        )
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(4096)
        assert received.startswith(b"HTTP/1.1 101 ")
        assert b"upgrade: websocket" in received.lower()
        connection.sendall(b"ping")
        assert connection.recv(4096) == b"ping"


def test_static_files_are_cached_by_what_their_names_promise(served: Fleet) -> None:
    status, headers, body = get(served.app, "/static/css/plain.css")
    assert (status, headers["cache-control"]) == (200, "public, max-age=300")
    status, headers, body = get(served.app, "/static/css/app.0123456789ab.css")
    assert (status, body) == (200, b"old\n"), "a file of an earlier release comes from the pool"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["content-type"] == "text/css"
    status, headers, _ = get(served.app, "/static/css/nowhere.0123456789ab.css")
    assert status == 404
    assert "cache-control" not in headers, "an error must not be remembered for a year"


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/..%2f.namaskah/web", "/static../.namaskah/web"])
def test_static_files_do_not_open_the_release(served: Fleet, path: str) -> None:
    status, _, body = get(served.app, path)
    assert b"python3" not in body
    assert status in (200, 400, 404)
    assert status != 200 or json.loads(body)["instance"], "what is no static file is the application's"


def test_uploads_are_shown_and_never_run(served: Fleet) -> None:
    as_user(served.app, "dashboard", f"echo '<script>' >{ROOT}/shared/media/page.html")
    status, headers, body = get(served.app, "/media/page.html")
    assert (status, body) == (200, b"<script>\n")
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]


def test_large_bodies(served: Fleet) -> None:
    status, _, answer = get(served.app, "/", method="POST", body=b"x" * 20_000_000)
    assert (status, json.loads(answer)["body"]) == (200, 20_000_000)
    status, _, _ = get(served.app, "/", {"Content-Length": "40000000"}, method="POST", body=b"x")
    assert status == 413


def test_the_unit_confines_the_service(served: Fleet) -> None:
    writable = told(served.app, "/")["writable"]
    assert not any(writable.values()), writable
    host = served.app
    shown = host.run(["systemctl", "show", "-p", "User,KillMode,TimeoutStopUSec,NRestarts", f"{APP}-web@blue.service"])
    assert set(shown.stdout.split()) == {"User=dashboard", "KillMode=mixed", "TimeoutStopUSec=12s", "NRestarts=0"}


@pytest.mark.fault("process killed: live instance", ends="cleaned up")
def test_systemd_starts_a_killed_service_again(served: Fleet) -> None:
    host = served.app
    before = told(host, "/")["pid"]
    host.kill(before)
    wait_for(host, "blue")
    assert told(host, "/")["pid"] != before


def test_the_deploy_user_reaches_each_instance_and_others_do_not(served: Fleet) -> None:
    for instance in ("blue", "green"):
        probe = f"import socket; socket.socket(socket.AF_UNIX).connect('{RUNTIME}/{instance}/web.sock')"
        script = f'python3 -c "{probe}"'
        assert as_user(served.app, "deploy", script).returncode == 0
        refused = as_user(served.app, "nobody", script)
        assert "Permission denied" in refused.stderr


def test_a_service_on_a_port_moves_by_its_one_line(served: Fleet) -> None:
    host = served.app
    assert told(host, "/api/x")["instance"] == "blue"
    line = f"{ROOT}/front/api.upstream"
    do(host, f"echo 'server 127.0.0.1:8102;' >{line}.new && mv {line}.new {line}")
    host.ssh(["sudo", "-n", "/usr/sbin/nginx", "-t"], user="deploy")
    host.ssh([*CTL, "reload", "nginx.service"], user="deploy")
    end = time.monotonic() + 10
    while told(host, "/api/x")["instance"] != "green":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert served.part("front", host) == 0, "provisioning leaves the line to releases"
    assert "8102" in host.read(line)
    do(host, f"echo 'server 127.0.0.1:8101;' >{line}")
    host.ssh([*CTL, "reload", "nginx.service"], user="deploy")


def test_that_one_line_cannot_open_another_server(served: Fleet) -> None:
    """The file is read inside of a block that nginx ends itself."""
    host = served.app
    line = f"{ROOT}/front/api.upstream"
    before = host.read(line)
    for text in ("server 127.0.0.1:1; } server { listen 81; root /;", "load_module /tmp/x.so;", "user root;"):
        host.write(line, text, owner="deploy", group="deploy")
        done = host.ssh(["sudo", "-n", "/usr/sbin/nginx", "-t"], user="deploy", check=False)
        assert done.returncode == 1, text
    host.write(line, before, owner="deploy", group="deploy")


@pytest.mark.fault("front: configuration broken", ends="refused")
def test_a_refused_site_is_put_back(served: Fleet) -> None:
    """The server goes on with what it has; the broken file does not lie in wait for the next boot."""
    before = served.app.read(SITE)
    said = served.refusal("front", host=served.app, provision_body_limit="plenty")
    assert "the former state was put back" in said
    assert "client_max_body_size" in said
    assert served.app.read(SITE) == before
    assert served.app.run(["sh", "-c", "ls /etc/nginx/conf.d"]).stdout.split() == [SITE.rpartition("/")[2]]
    assert told(served.app, "/")["instance"] == "blue"


def test_tls_and_a_trusted_balancer(served: Fleet) -> None:
    """With a certificate plain HTTP redirects; a balancer's word about the client is believed, a stranger's is not."""
    host = served.app
    key, certificate = "/etc/ssl/private/shop.key", "/etc/ssl/certs/shop.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop.test"]
    host.run([*words, "-keyout", key, "-out", certificate])
    tls = {"namaskah_domain": "shop.test", "provision_tls_certificate": certificate, "provision_tls_key": key}
    try:
        served.part("front", host, **tls, provision_trusted_proxies=[served.lab.network.controller])
        status, headers, _ = get(host, "/a?b=c", {"Host": "shop.test"})
        assert (status, headers["location"]) == (308, "https://shop.test/a?b=c")
        ask = [sys.executable, "-c", ASK_BY_TLS, host.address]
        seen = json.loads(subprocess.run(ask, capture_output=True, text=True, check=True, timeout=30).stdout)["headers"]
        assert (seen["x-real-ip"], seen["x-forwarded-proto"]) == ("9.9.9.9", "http")
        stranger = served.database
        seen = json.loads(stranger.run(["python3", *ask[1:]]).stdout)["headers"]
        assert (seen["x-real-ip"], seen["x-forwarded-proto"]) == (stranger.address, "https")
    finally:
        served.part("front", host)
    assert get(host, "/")[0] == 200
