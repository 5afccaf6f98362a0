"""A mail server for tests: takes what it is sent on 127.0.0.1 and prints it, a line of JSON each.

usage: mailbox.py CERTIFICATE KEY MODE, where MODE is `starttls` (demanded), `tls` (from the first byte) or `none`.
The first line it prints is its port. `full@…` is refused for now, `gone@…` for good.
"""

import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Desk:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.startswith("full@"):
            return "452 4.2.2 full"
        if address.startswith("gone@"):
            return "550 5.1.1 gone"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "data": base64.b64encode(envelope.original_content).decode(),
        }
        print(json.dumps(told), flush=True)
        return "250 OK"


async def main(certificate, key, mode):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    starttls = context if mode == "starttls" else None

    def protocol():
        return SMTP(Desk(), hostname="localhost", tls_context=starttls, require_starttls=starttls is not None)

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=context if mode == "tls" else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    # Whoever started this holds the other end; when it is gone, so is this.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(*sys.argv[1:]))
