"""What runs on a host to look at it? Small programs for its own interpreter, standard library only, JSON as output."""

from pathlib import Path

# Words: root of the application. Follows `current` and reads the records of what it names.
LIVE = """
import json, os, sys
root, found = sys.argv[1], {}
def look(name, path, read):
    try:
        found[name] = read(path)
    except (OSError, ValueError) as error:
        print(json.dumps({"missing": path, "why": getattr(error, "strerror", None) or str(error)}))
        sys.exit()
def parsed(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)
look("id", f"{root}/current", lambda path: os.path.basename(os.readlink(path)))
folder = f"{root}/releases/{found['id']}"
look("run", f"{folder}/run", os.readlink)
records = f"{root}/records"  # a host that only an earlier version has been on has none
look("record", f"{records}/{found['id']}.json" if os.path.isdir(records) else f"{folder}/.release.json", parsed)
look("launch", f"{folder}/.namaskah/launch.json", parsed)
look("instances", f"{root}/instances", lambda path: {name: os.readlink(f"{path}/{name}") for name in os.listdir(path)})
print(json.dumps(found))
"""

# Words: kind (socket | port), place (path or number), path, Host header. Prints [status, body as JSON or null].
ASK = """
import http.client, json, os, signal, socket, sys
signal.signal(signal.SIGALRM, lambda *_: sys.exit("no complete answer within 5 s"))
signal.alarm(5)  # a time-out of a socket counts from the last byte
kind, place, path, name = sys.argv[1:]
connection = http.client.HTTPConnection("127.0.0.1", int(place) if kind == "port" else 0, timeout=5)
if kind == "socket":
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(5)
    # A path of more than about 107 bytes cannot be connected to; its folder's descriptor is short (unix(7)).
    folder = os.open(os.path.dirname(place), os.O_PATH)
    connection.sock.connect(f"/proc/self/fd/{folder}/{os.path.basename(place)}")
connection.request("GET", path, headers={"Host": name, "X-Forwarded-Proto": "https", "Connection": "close"})
answer = connection.getresponse()
body = answer.read(1000000)
try:
    told = json.loads(body)
except ValueError:
    told = None
print(json.dumps([answer.status, told]))
"""

# Words: environment file. Finds PostgreSQL addresses in it and asks each whether PostgreSQL answers, by an SSLRequest
# (protocol documentation, 55.2.11). Prints [[variable, places, what was answered], ...] and never a value of the file:
# of an address that cannot be read it says what is wrong.
_DATABASES = """
import json, socket, struct
import database_address, launch
try:
    values = launch.read_environment(sys.argv[1])
except (OSError, ValueError) as error:
    print(json.dumps([[sys.argv[1], "the file", f"cannot be read: {error}"]]))
    sys.exit()
found, asked = [], []
def read(key, function):
    try:
        places = function()
    except ValueError as error:
        found.append([key, "its value", str(error)])
    else:
        asked.extend([(key, places)] if places else [])
def of_address(value):
    address = database_address.parse(value)
    return address and address.places(values)
def of_names(hosts, ports):
    given = ports.split(",")
    numbers = given * len(hosts.split(",")) if len(given) == 1 else given
    return [(host or database_address.SOCKETS, int(database_address.number_of(port) or database_address.PORT))
            for host, port in zip(hosts.split(","), numbers)]
for key, value in values.items():
    read(key, lambda: of_address(value))
for host, port in (("PGHOST", "PGPORT"), ("POSTGRES_HOST", "POSTGRES_PORT"), ("DB_HOST", "DB_PORT"),
                   ("DATABASE_HOST", "DATABASE_PORT")):
    if values.get(host):
        read(host, lambda: of_names(values[host], values.get(port, "")))
def answer_of(host, port):
    try:
        if host.startswith("/"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(5)
            connection.connect(f"{host}/.s.PGSQL.{port}")
        else:
            connection = socket.create_connection((host, port), timeout=5)
        with connection:
            connection.sendall(struct.pack("!ii", 8, 80877103))
            return "PostgreSQL" if connection.recv(1) in (b"S", b"N") else "no PostgreSQL"
    except (OSError, ValueError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)
for key, places in asked:
    shown = [f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}" for host, port in places]
    answers = [answer_of(*place) for place in places]
    found.append([key, ", ".join(shown), "PostgreSQL" if "PostgreSQL" in answers else "; ".join(answers)])
print(json.dumps(found))
"""


def databases(folder: str) -> str:
    """Return the program that asks databases. What it uses of the hosts' modules, in `folder`, stands alone."""
    sources = {name: Path(folder, f"{name}.py").read_text(encoding="utf-8") for name in ("launch", "database_address")}
    return f"""
import sys, types
for name, source in {sources!r}.items():
    sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), sys.modules[name].__dict__)
{_DATABASES}"""
