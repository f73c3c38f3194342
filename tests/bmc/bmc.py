"""A BMC of pyghmi's that also speaks cipher suite 17, has a K_g, keeps the boot options that it is told, and answers pings.

pyghmi's own server answers suite 3 whatever is asked for; --lie keeps that.
"""
import argparse
import hashlib
import hmac
import os
import struct
import sys

from pyghmi.ipmi import bmc, console
from pyghmi.ipmi.private import constants, serversession

# Authentication, integrity and confidentiality of a suite: its hash, and how much of it signs a packet.
SUITES = {(1, 1, 1): (hashlib.sha1, 12), (3, 4, 1): (hashlib.sha256, 16)}
PING = bytes.fromhex("0600ff06000011be80")


class Session(serversession.ServerSession):
    """A session in the suite that is asked for."""

    def create_open_session_response(self, request):
        algorithms = (request[12], request[20], request[28])
        if self.bmc.lies:
            algorithms = (1, 1, 1)
        self.clientsessionid = bytes(request[4:8])
        if algorithms not in SUITES:
            return bytearray([request[0], 0x11, 0, 0]) + self.clientsessionid
        self.currhashlib, self.currhashlen = SUITES[algorithms]
        self.managedsessionid = os.urandom(4)
        answer = bytearray([request[0], 0, 4, 0]) + self.clientsessionid + self.managedsessionid
        for kind, algorithm in enumerate(algorithms):
            answer += bytes([kind, 0, 0, 8, algorithm, 0, 0, 0])
        return answer

    def _parse_ipmi_payload(self, payload):
        # A packet that came already is dropped (IPMI 2.0, section 6.12.13); pyghmi drops those alone that are older.
        if self.remseqnumber not in self.came:
            self.came.add(self.remseqnumber)
            super()._parse_ipmi_payload(payload)

    def proof(self, key, *parts):
        return hmac.new(key, b"".join(map(bytes, parts)), self.currhashlib).digest()

    def _got_rakp1(self, data):
        data = bytes(data)
        self.Rm, self.rolem, self.username = data[8:24], data[24], data[28:]
        self.maxpriv = 2 if self.username == b"reader" else self.rolem & 7
        password = self.authdata.get(self.username.decode())
        if password is None:
            refusal = bytearray([data[0], 0x0D, 0, 0]) + self.clientsessionid
            return self.send_payload(refusal, constants.payload_types["rakp2"], retry=False)
        self.kuid = password.encode()
        self.Rc, self.uuiddata = os.urandom(16), self.uuid.bytes
        self.who = bytes([self.rolem, len(self.username)]) + self.username
        code = self.proof(self.kuid, self.clientsessionid, self.managedsessionid, self.Rm, self.Rc, self.uuiddata, self.who)
        answer = bytearray([data[0], 0, 0, 0]) + self.clientsessionid + self.Rc + self.uuiddata + code
        self.send_payload(answer, constants.payload_types["rakp2"], retry=False)

    def _got_rakp3(self, data):
        data = bytes(data)
        if data[1] or data[8:] != self.proof(self.kuid, self.Rc, self.clientsessionid, self.who):
            return
        self.sik = self.proof(self.bmc.key or self.kuid, self.Rm, self.Rc, self.who)
        self.k1, self.k2 = self.proof(self.sik, b"\1" * 20), self.proof(self.sik, b"\2" * 20)
        self.aeskey = self.k2[:16]
        self.localsid = struct.unpack("<I", self.managedsessionid)[0]
        self.ipmicallback = self.handle_client_request
        code = self.proof(self.sik, self.Rm, self.managedsessionid, self.uuiddata)[: self.currhashlen]
        answer = bytearray([data[0], 0, 0, 0]) + self.clientsessionid + code
        self.send_payload(answer, constants.payload_types["rakp4"], retry=False)
        # pyghmi's word for "signed": which hash it is stands above.
        self.confalgo, self.integrityalgo, self.sequencenumber = "aes", "sha1", 1
        self.came, self.remseqnumber, self.clientpriv = set(), None, 2
        self.sessionid = struct.unpack("<I", self.clientsessionid)[0]


class Line(console.ServerConsole):
    """A serial line that says again what it is told, from its first moment on, and tells of breaks."""

    def _print_data(self, data):
        self.send_data(data)

    def _got_sol_payload(self, payload):
        if not isinstance(payload, dict) and payload[0] and payload[3] & 0x10:
            print("break", flush=True)
        super()._got_sol_payload(payload)


class Machine(bmc.Bmc):
    """A machine with power, boot options, and records of sensors; its serial console says again what it is told."""

    def __init__(self, arguments):
        people = {name: arguments.password for name in (arguments.user, "reader")}
        super().__init__(people, arguments.port, address=arguments.address)
        self.lies, self.strict = arguments.lie, arguments.strict
        self.key = arguments.key.encode() if arguments.key else None
        self.power, self.options = "off", {5: bytes(5)}
        self.records = [bytes.fromhex(record) for record in arguments.record or []]
        self.circle, self.forgets, self.asked, self.most = arguments.circle, arguments.forgets, 0, arguments.most

    def sessionless_data(self, data, sockaddr):
        data = bytes(data)
        if data[:9] == PING:
            pong = PING[:8] + bytes([0x40, data[9], 0, 16]) + PING[4:8] + bytes(4) + bytes([0x81, 0]) + bytes(6)
            self.serversocket.sendto(pong, sockaddr)
        else:
            super().sessionless_data(data, sockaddr)

    def is_active(self):
        return True

    def iohandler(self, data):
        """Nothing: that there is one is how pyghmi knows of a console."""

    def handle_raw_request(self, request, session):
        what = (request["netfn"], request["command"])
        if not self.records or what not in ((0x0A, 0x22), (0x0A, 0x23), (0x04, 0x2D)):
            return super().handle_raw_request(request, session)
        if what == (0x0A, 0x22):
            return session.send_ipmi_response(data=[1, 0])
        if what == (0x04, 0x2D):
            return session.send_ipmi_response(data=[request["data"][0], 0xC0, 0xC0])
        self.asked += 1
        if self.forgets and self.asked % self.forgets == 0:
            return session.send_ipmi_response(code=0xC5)
        number, offset, count = request["data"][2], request["data"][4], request["data"][5]
        if number >= len(self.records):
            return session.send_ipmi_response(code=0xCB)
        following = [number + 1, 0] if number + 1 < len(self.records) else [0, 0] if self.circle else [0xFF, 0xFF]
        count = min(count, self.most)
        session.send_ipmi_response(data=[*following, *self.records[number][offset : offset + count]])

    def get_power_state(self):
        return self.power

    def power_on(self):
        self.power = "on"

    def power_off(self):
        self.power = "off"

    def power_reset(self):
        print("reset", flush=True)

    def power_cycle(self):
        # As a BMC does that cannot cycle what is off.
        return 0xD5 if self.power == "off" else 0

    def set_system_boot_options(self, request, session):
        parameter, value = request["data"][0] & 0x7F, bytes(request["data"][1:])
        if self.strict and parameter in (0, 3, 4):
            return session.send_ipmi_response(code=0x80)
        if parameter == 5 and not self.strict and self.options.get(0) != b"\1":
            return session.send_ipmi_response(code=0x81)
        self.options[parameter] = value
        session.send_ipmi_response()

    def get_system_boot_options(self, request, session):
        parameter = request["data"][0] & 0x7F
        if parameter not in self.options:
            return session.send_ipmi_response(code=0x80)
        session.send_ipmi_response(data=[1, parameter, *self.options[parameter]])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--address", "--user", "--password", "--key"):
        parser.add_argument(name)
    parser.add_argument("--port", type=int)
    parser.add_argument("--lie", action="store_true", help="answer suite 3 to every request")
    parser.add_argument("--strict", action="store_true", help="refuse the boot parameters that are optional")
    parser.add_argument("--record", action="append", help="a record of a sensor, in hexadecimal digits")
    parser.add_argument("--circle", action="store_true", help="have the last record lead to the first")
    parser.add_argument("--forgets", type=int, help="forget the reservation at every such question for a record")
    parser.add_argument("--most", type=int, default=255, help="give no more bytes of a record at once")
    serversession.ServerSession, console.ServerConsole = Session, Line
    Machine(parser.parse_args()).listen()


if __name__ == "__main__":
    sys.exit(main())
