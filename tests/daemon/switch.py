"""A power switch with outlets that speaks HTTP, and misbehaves on some of its paths. Writes down what it is asked."""

import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

address, told, certificate = sys.argv[1:]
outlets = {}


class Switch(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        line = {"method": self.command, "path": self.path, "fields": dict(self.headers), "body": body}
        with open(told, "a") as file:
            file.write(json.dumps(line) + "\n")
        words = self.path.strip("/").split("/")
        if words[0] == "outlets" and self.command == "GET":
            state = outlets.get(words[1], "OFF")
            self.answer(200, json.dumps({"outlets": [{"id": words[1], "state": state}]}).encode())
        elif words[0] == "outlets":
            outlets[words[1]] = json.loads(body)["state"]
            self.answer(204, b"")
        elif words[0] == "text":
            self.answer(200, b"<p>relay is on</p>")
        elif words[0] == "moved":
            self.answer(302, b"", [("location", "/outlets/3")])
        elif words[0] == "refused":
            self.answer(401, self.headers.get("authorization", "").encode())
        elif words[0] == "broken":
            self.answer(500, self.headers.get("authorization", "").encode())
        elif words[0] == "long":
            self.answer(200, b"x" * 100_000)
        elif words[0] == "words":
            self.answer(200, b"relay is on")
        elif words[0] == "closed":
            self.close_connection = True
        elif words[0] == "silent":
            time.sleep(600)

    do_GET = do_POST = do_PUT = do_any

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer((address, 0), Switch)
if certificate != "-":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, flush=True)
server.serve_forever()
