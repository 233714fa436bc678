"""A KMS that speaks the wire format of Vault's transit engine, over HTTP on loopback, as its API documentation says."""

import json
import os
import re
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PATH = re.compile(r"/v1/transit/(encrypt|decrypt)/([\w-]+)")


class Kms:
    """Its keys by name, each with its versions; what it was asked; and what it answers instead, for tests of that."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = "hvs.token"
        self.keys = {"medtech": [os.urandom(32)], "later": [os.urandom(32)]}
        self.calls: list[tuple[str, str, int]] = []
        self.status = 0
        """Answered to everything, unless it is 0."""
        self.body = b""

    def rotate(self, key: str) -> None:
        """As `vault write -f transit/keys/KEY/rotate`."""
        self.keys[key].append(os.urandom(32))

    def forget_versions_before_last(self, key: str) -> None:
        """As with `min_decryption_version` set to the last."""
        self.keys[key][:-1] = [b""] * (len(self.keys[key]) - 1)

    def answer(self, path: str, token: str, body: bytes) -> tuple[int, bytes]:
        if self.status:
            return self.status, self.body
        if token != self.token:
            return 403, json.dumps({"errors": ["permission denied"]}).encode()
        found = PATH.fullmatch(path)
        if found is None or found[2] not in self.keys:
            return (400 if found and found[1] == "decrypt" else 404), json.dumps({"errors": ["no handler"]}).encode()
        items = json.loads(body)["batch_input"]
        self.calls.append((found[1], found[2], len(items)))
        results = [getattr(self, found[1])(self.keys[found[2]], item) for item in items]
        failed = [one for one in results if "error" in one]
        return (400 if failed else 200), json.dumps({"data": {"batch_results": results}}).encode()

    def encrypt(self, versions: list[bytes], item: dict[str, str]) -> dict[str, Any]:
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(versions[-1]).encrypt(nonce, b64decode(item["plaintext"], validate=True), None)
        return {"ciphertext": f"vault:v{len(versions)}:{b64encode(sealed).decode()}", "key_version": len(versions)}

    def decrypt(self, versions: list[bytes], item: dict[str, str]) -> dict[str, Any]:
        _, version, sealed = item["ciphertext"].split(":")
        raw = b64decode(sealed)
        try:
            plain = AESGCM(versions[int(version[1:]) - 1]).decrypt(raw[:12], raw[12:], None)
        except (InvalidTag, ValueError, IndexError):
            return {"error": "cipher: message authentication failed"}
        return {"plaintext": b64encode(plain).decode()}


@contextmanager
def running_kms(port: int = 0) -> Iterator[Kms]:
    """One that answers on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = kms.answer(self.path, self.headers.get("X-Vault-Token", ""), body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    kms = Kms(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield kms
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
