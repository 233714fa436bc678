"""The server's end of TLS: one context whose certificate is exchanged while it serves. Handshakes that come after take the new one."""

import asyncio
import os
import ssl
from collections.abc import Callable

import structlog
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from edge_node.errors import EdgeError
from edge_node.tls.authority import Pair
from edge_node.tls.keeping import Kept

LOOK_SECONDS = 30.0
"""An address may change at any time: the clinic's router was restarted."""

log = structlog.get_logger("edge_node.tls")


class Certificates:
    """The context that a server listens with. `look` gives what is to be shown now, and is asked again and again."""

    def __init__(self, look: Callable[[], Kept]) -> None:
        self._look = look
        self.kept = look()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        load(self.context, self.kept.server)

    async def keep(self, seconds: float = LOOK_SECONDS) -> None:
        """Looks from time to time, until cancelled. The context is changed in the thread in which handshakes are made."""
        while True:
            await asyncio.sleep(seconds)
            try:
                kept = await asyncio.to_thread(self._look)
            except (EdgeError, OSError) as error:
                # What is shown stays good for months; the next look may fare better.
                log.warning("certificate not looked after", error=type(error).__name__)
                continue
            if kept.server != self.kept.server:
                load(self.context, kept.server)
                log.info("new certificate", names=len(kept.names))
            self.kept = kept


def load(context: ssl.SSLContext, server: Pair) -> None:
    """Puts a certificate and its key into a context, which takes them only from a file: so from one in memory that no disk sees."""
    key = load_der_private_key(server.key, None)
    text = server.parsed().public_bytes(Encoding.PEM) + key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    handle = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(handle, text)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
