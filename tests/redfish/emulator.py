"""A Redfish service over TLS: the emulator of sushy-tools with its fake driver, and the sessions that it lacks.

Arguments: the address, the file with certificate and key, a folder for its state, and `sessions`, `blades` or `basic`: with
sessions, the same with two systems, or without sessions. Prints its port. Tells what happened for each line that it reads, and ends with its input.
"""

import base64
import json
import ssl
import sys
import threading
import uuid

import bcrypt
from sushy_tools.emulator import main
from sushy_tools.emulator.resources.systems import fakedriver
from werkzeug.serving import WSGIRequestHandler, make_server

ADDRESS, CERTIFICATE, STATE, LOGIN = sys.argv[1:]
USER, PASSWORD = "admin", "hunter2-and-more"
SERVICE = "/redfish/v1/SessionService"
ROOT = ("", "/redfish", "/redfish/v1")

fakedriver.random.randint = lambda *_: 0  # power changes at once

sessions = {}
shown = {}  # properties of the system that are told instead of the emulator's
more = {}  # resources that the emulator has not, by their paths
told = {"opened": 0, "refused": 0, "requests": []}


def answer(start, status, value=None, fields=()):
    body = b"" if value is None else json.dumps(value).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *fields])
    return [body]


def login(environ, start):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    given = json.loads(environ["wsgi.input"].read(length))
    if (given.get("UserName"), given.get("Password")) != (USER, PASSWORD):
        told["refused"] += 1
        return answer(start, "401 Unauthorized", {})
    token, link = uuid.uuid4().hex, f"{SERVICE}/Sessions/{uuid.uuid4().hex}"
    sessions[token] = link
    told["opened"] += 1
    return answer(start, "201 Created", {"@odata.id": link}, [("X-Auth-Token", token), ("Location", link)])


def is_known(environ):
    scheme, _, pair = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    is_basic = scheme == "Basic" and base64.b64decode(pair).decode() == f"{USER}:{PASSWORD}"
    return is_basic or environ.get("HTTP_X_AUTH_TOKEN") in sessions


def root(environ, start):
    seen = []
    body = b"".join(main.app(environ, lambda status, fields, _=None: seen.append(status)))
    value = json.loads(body)
    value["SessionService"] = {"@odata.id": SERVICE}
    value["Links"] = {"Sessions": {"@odata.id": f"{SERVICE}/Sessions"}}
    return answer(start, seen[0], value)


def with_sessions(environ, start):
    path, method = environ["PATH_INFO"].rstrip("/"), environ["REQUEST_METHOD"]
    told["requests"].append(f"{method} {path}")
    if path == f"{SERVICE}/Sessions" and method == "POST":
        return login(environ, start)
    if path in ROOT:
        return root(environ, start)
    if not is_known(environ):
        told["refused"] += 1
        return answer(start, "401 Unauthorized", {})
    if path.startswith(f"{SERVICE}/Sessions/") and method == "DELETE":
        for token in [token for token, link in sessions.items() if link == path]:
            del sessions[token]
        return answer(start, "204 No Content")
    if path in more:
        return extra(more[path], method, start)
    if shown and method == "GET" and path.startswith("/redfish/v1/Systems/"):
        return other(environ, start)
    return main.app(environ, start)


def extra(value, method, start):
    if method == "GET":
        return answer(start, "200 OK", value)
    for emptied in value.get("empties", []):
        more[emptied]["Members"] = []
    return answer(start, "204 No Content")


def other(environ, start):
    seen = []
    body = b"".join(main.app(environ, lambda status, fields, _=None: seen.append(status)))
    return answer(start, seen[0], json.loads(body) | shown)


def with_basic(environ, start):
    told["requests"].append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].rstrip('/')}")
    return main.app(environ, start)


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


settings = {
    "SUSHY_EMULATOR_FAKE_DRIVER": True,
    "SUSHY_EMULATOR_STATE_DIR": STATE,
    "SUSHY_EMULATOR_FAKE_SYSTEMS": [{
        "uuid": f"27946b59-9e44-4fa7-8e91-f3527a1ef09{3 + number}",
        "name": f"node-0{number}",
        "power_state": "Off",
        "external_notifier": False,
        "nics": [{"mac": f"52:54:00:77:00:0{number}", "ip": "192.0.2.100"}],
    } for number in range(1, 3 if LOGIN == "blades" else 2)],
}
if LOGIN == "basic":
    accounts = f"{STATE}/accounts"
    with open(accounts, "w") as file:
        file.write(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    settings["SUSHY_EMULATOR_AUTH_FILE"] = accounts
main.app.configure(extra_config=settings)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE)
application = with_basic if LOGIN == "basic" else with_sessions
server = make_server(ADDRESS, 0, application, threaded=True, request_handler=Handler, ssl_context=context)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
for line in sys.stdin:
    if line.strip() == "expire":
        sessions.clear()
    if line.startswith("show "):
        shown.update(json.loads(line.removeprefix("show ")))
    if line.startswith("put "):
        more.update(json.loads(line.removeprefix("put ")))
    print(json.dumps(told | {"open": len(sessions)}), flush=True)
