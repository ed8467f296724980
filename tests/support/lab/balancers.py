"""What stands before the application hosts of a lab? HAProxy on port 80 and nginx on port 8080 of one host."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.support.lab.application import Application
from tests.support.lab.host import Host

PORTS = {"haproxy": 80, "nginx": 8080}

HAPROXY = """
global
    stats socket /run/haproxy/admin.sock mode 660 level admin group haproxy
    user haproxy
    group haproxy
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend public
    bind :80
    default_backend {app}
backend {app}
    balance roundrobin
    option httpchk
    http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host {app}
    default-server check inter 500ms fall 2 rise 2
{servers}
"""

# A request is passed to one host and never repeated at another: what a host loses is lost.
NGINX = """
upstream {app}-balanced {{
    include /srv/{app}/balancer/{app}.conf;
}}
map $http_upgrade $balancer_connection {{
    default upgrade;
    ''      close;
}}
server {{
    listen 8080;
    location / {{
        proxy_pass http://{app}-balanced;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $balancer_connection;
        proxy_read_timeout 3600s;
        proxy_next_upstream off;
    }}
}}
"""


@dataclass
class Balanced:
    """An application behind a host with both balancers; its inventory names one of them at a time."""

    application: Application
    host: Host

    def use(self, kind: str, **variables: object) -> None:
        """Name this balancer in the inventory, provision its host, and start it."""
        self.application.write(
            balancer_kind=kind, namaskah_waves=1, balancer_open_sessions="close", balancer_drain=6, **variables
        )
        done = self.application.playbook("provision", "-e", "ansible_user=ops", "--limit", self.host.name)
        assert done.returncode == 0, done.stdout[-4000:]
        apps = self.application.lab.group("app")
        app = self.application.sample
        if kind == "haproxy":
            servers = "\n".join(f"    server {host.name} {host.address}:80" for host in apps)
            self.host.write("/etc/haproxy/haproxy.cfg", HAPROXY.format(app=app, servers=servers))
        else:
            self.host.write("/etc/nginx/conf.d/balanced.conf", NGINX.format(app=app))
            self.host.run(["rm", "-f", "/etc/nginx/sites-enabled/default"])  # Debian's page has HAProxy's port
        self.host.run(["systemctl", "restart", f"{kind}.service"])
        if kind == "haproxy":
            self._await_both()

    def _await_both(self) -> None:
        """Wait until HAProxy has asked every host."""
        for _ in range(100):
            if self.haproxy("show stat").count(",UP,") > len(self.application.lab.group("app")):  # the backend, too
                return
            time.sleep(0.2)
        raise AssertionError(self.haproxy("show stat"))

    def url(self, kind: str) -> str:
        """Return where the public reaches the application."""
        return f"http://{self.host.address}:{PORTS[kind]}"

    def haproxy(self, command: str) -> str:
        """Return what HAProxy answers on its socket."""
        program = (
            "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); "
            "s.sendall(sys.argv[1].encode()+b'\\n'); sys.stdout.write(s.makefile().read())"
        )
        return self.host.run(["python3", "-c", program, command]).stdout
