"""What runs on a host to look at it? Small programs for its own interpreter, standard library only, JSON as output."""

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
look("record", f"{folder}/.release.json", parsed)
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
# (protocol documentation, 55.2.11). Prints [[variable, place, what was answered], ...] and never a value of the file.
DATABASES = """
import json, re, socket, struct, sys, urllib.parse
values = {}
for line in open(sys.argv[1], encoding="utf-8"):
    key, equals, value = line.strip().removeprefix("export ").partition("=")
    if equals and not key.startswith("#"):
        values[key.strip()] = value.strip().strip("'\\"")
places = []
for key, value in values.items():
    if re.match(r"postgres(ql)?(\\+\\w+)?://", value):
        url = urllib.parse.urlsplit(value)
        query = dict(urllib.parse.parse_qsl(url.query))
        host = urllib.parse.unquote(query.get("host", url.hostname or "/var/run/postgresql"))
        places.append((key, host, int(query.get("port", url.port or 5432))))
for host, port in (("PGHOST", "PGPORT"), ("POSTGRES_HOST", "POSTGRES_PORT"), ("DB_HOST", "DB_PORT"),
                   ("DATABASE_HOST", "DATABASE_PORT")):
    if values.get(host):
        places.append((host, values[host], int(values.get(port) or 5432)))
found = []
for key, host, port in places:
    try:
        if host.startswith("/"):
            place = f"{host}/.s.PGSQL.{port}"
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(5)
            connection.connect(place)
        else:
            place = f"{host}:{port}"
            connection = socket.create_connection((host, port), timeout=5)
        with connection:
            connection.sendall(struct.pack("!ii", 8, 80877103))
            answer = connection.recv(1)
        found.append([key, place, "PostgreSQL" if answer in (b"S", b"N") else "no PostgreSQL"])
    except OSError as error:
        found.append([key, place, error.strerror or str(error)])
print(json.dumps(found))
"""
