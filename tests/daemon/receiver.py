"""A receiver of webhooks: answers 500 some times and 200 after that, and writes down what it got and whether the signature is right."""

import base64
import hashlib
import hmac
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

certificate, told, key, failures = sys.argv[1:]
left = int(failures)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global left
        body = self.rfile.read(int(self.headers["content-length"]))
        head = "{webhook-id}.{webhook-timestamp}.".format(**self.headers)
        digest = hmac.new(key.encode(), head.encode() + body, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(digest).decode()
        line = {
            "id": self.headers["webhook-id"],
            "path": self.path,
            "is-signed": hmac.compare_digest(expected, self.headers["webhook-signature"]),
            "event": json.loads(body),
        }
        with open(told, "a") as file:
            file.write(json.dumps(line) + "\n")
        self.send_response(500 if left > 0 else 200)
        left -= 1
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, flush=True)
server.serve_forever()
