"""A front of the simulated Salesforce for ingestr: BASE_URL LATENCY_MS FOLDER.

ingestr signs in by SOAP and reads by the first Bulk API, which are on their way out and which the
simulator does not have. This front answers both and passes everything else on. The records of the
one job are fetched from the simulator before it says that it is ready, so that the job costs
ingestr nothing: its time is its own and the network's. It prints its ports, plain and TLS.
"""

from __future__ import annotations

import http.server
import json
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import httpx
import orjson
from salesforce_writes import signed_in
from world import search_here_last

from prmsync.connector.simulator.tls import tls_files

_LOGIN = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" \
xmlns="urn:partner.soap.sforce.com"><soapenv:Body><loginResponse><result>\
<serverUrl>http://127.0.0.1:{port}/services/Soap/u/59.0/00D</serverUrl>\
<sessionId>{token}</sessionId><userId>005000000000001AAA</userId>\
<userInfo><userName>benchmark</userName></userInfo>\
</result></loginResponse></soapenv:Body></soapenv:Envelope>"""
_COMPOUND = ("address", "location")


def records(client: httpx.Client) -> bytes:
    """All opportunities with all their fields, as the result of a job has them."""
    described = client.get("/services/data/v59.0/sobjects/Opportunity/describe").json()
    names = [one["name"] for one in described["fields"] if one["type"] not in _COMPOUND]
    soql = f"SELECT {', '.join(names)} FROM Opportunity"
    found: list[Any] = []
    answer = client.get("/services/data/v59.0/query", params={"q": soql})
    while True:
        page = orjson.loads(answer.content)
        found += page["records"]
        if page["done"]:
            return orjson.dumps(found)
        answer = client.get(page["nextRecordsUrl"])


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    client: ClassVar[httpx.Client]
    result: ClassVar[bytes]
    latency: ClassVar[float]
    port: ClassVar[int]

    def do_GET(self) -> None:
        if "/services/async/" not in self.path:
            inner = self.client.get(self.path)
            self._answer(inner.content, inner.status_code)
        elif self.path.endswith("/result"):
            self._answer(b'["752000000000001"]')
        elif "/result/" in self.path:
            self._answer(self.result)
        else:
            self._answer(b'{"id": "751000000000001", "state": "Completed"}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if "/Soap/" in self.path:
            token = self.client.headers["Authorization"].removeprefix("Bearer ")
            self._answer(_LOGIN.format(port=self.port, token=token).encode(), kind="text/xml")
        else:
            self._answer(b'{"id": "750000000000001", "state": "Queued"}')

    def _answer(self, body: bytes, status: int = 200, kind: str = "application/json") -> None:
        time.sleep(self.latency)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads along."""


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """ingestr leaves without closing its connections."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    search_here_last()
    base_url, latency, folder = sys.argv[1:]
    Front.client = signed_in(base_url)
    Front.result, Front.latency = records(Front.client), int(latency) / 1000
    plain = Server(("127.0.0.1", 0), Front)
    secure = Server(("127.0.0.1", 0), Front)
    Front.port = plain.server_port
    files = tls_files(Path(folder))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    ports = {"port": plain.server_port, "tls": secure.server_port}
    print(json.dumps({**ports, "certificate": str(files.certificate)}), flush=True)
    plain.serve_forever()


if __name__ == "__main__":
    main()
