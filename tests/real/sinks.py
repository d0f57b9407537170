"""Those who take messages, written by others: three mail servers of aiosmtpd (in clear with a login, STARTTLS required, TLS
from the first byte). Each message that is taken is one file of JSON, read by Python's own mail parser.

    sinks.py DIRECTORY
"""

import email
import email.policy
import json
import socket
import ssl
import sys
import time
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

directory = Path(sys.argv[1])
mails = directory / "mails"
mails.mkdir(parents=True)
password = (directory / "mail.password").read_text().strip()


class Keep:
    count = 0

    def __init__(self, name):
        self.name = name

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.startswith("busy@"):
            return "451 4.3.0 try again later"
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        Keep.count += 1
        kept = {
            "server": self.name,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "login": bool(session.authenticated),
            "headers": [[name.lower(), str(value)] for name, value in message.items()],
            "defects": [str(defect) for defect in message.defects],
            "text": message.get_content(),
        }
        part = mails / f"{Keep.count}.part"
        part.write_text(json.dumps(kept))
        part.rename(mails / f"{Keep.count}.json")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.login == b"stanch" and data.password.decode() == password
    return AuthResult(success=good, handled=False)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(directory / "mail.pem", directory / "mail.key")


class Starttls(Controller):
    def factory(self):
        return SMTP(self.handler, tls_context=context, require_starttls=True, hostname="localhost")


class Login(Controller):
    def factory(self):
        return SMTP(
            self.handler,
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=False,
            hostname="localhost",
        )


def chosen(kind, name, **more):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = kind(Keep(name), hostname="127.0.0.1", port=port, ready_timeout=30, **more)
    controller.start()
    return controller, port


running = [
    chosen(Login, "login"),
    chosen(Starttls, "starttls"),
    chosen(Controller, "implicit", ssl_context=context),
]
ports = [port for _, port in running]
(directory / "mail.ports.part").write_text(" ".join(map(str, ports)))
(directory / "mail.ports.part").rename(directory / "mail.ports")
while True:
    time.sleep(3600)
