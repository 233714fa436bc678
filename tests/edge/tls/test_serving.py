"""The certificate is exchanged while the server runs."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from edge_node.errors import DatabaseBusy
from edge_node.tls import authority
from edge_node.tls.authority import Pair
from edge_node.tls.keeping import Kept
from edge_node.tls.serving import Certificates

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = ("localhost", "127.0.0.1")


class Looked:
    """What there is to show now; fails when there is nothing."""

    def __init__(self) -> None:
        self.issuer = authority.make_authority("Kakuma", NOW, NAMES)
        self.server: Pair | None = authority.issue(self.issuer, NOW, NAMES)

    def __call__(self) -> Kept:
        if self.server is None:
            raise DatabaseBusy()
        return Kept(self.issuer, self.server, NAMES)


@contextlib.asynccontextmanager
async def listening(certificates: Certificates) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=certificates.context)
    keeping = asyncio.create_task(certificates.keep(0.01))
    async with server:
        yield server.sockets[0].getsockname()[1]
    keeping.cancel()


async def shown(port: int, trusted: Pair) -> bytes:
    """The certificate that a strict client is shown."""
    context = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(trusted.certificate))
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        await writer.wait_closed()
    return certificate


async def test_connections_after_the_change_get_the_new_certificate_without_a_restart() -> None:
    looked = Looked()
    first = looked.server
    assert first is not None
    certificates = Certificates(looked)
    async with listening(certificates) as port:
        assert await shown(port, looked.issuer) == first.certificate
        looked.server = second = authority.issue(looked.issuer, NOW, NAMES)
        async with asyncio.timeout(20):
            while await shown(port, looked.issuer) != second.certificate:
                await asyncio.sleep(0.01)
    assert certificates.kept.server == second


async def test_a_look_that_fails_leaves_the_certificate_that_is_shown() -> None:
    looked = Looked()
    first = looked.server
    assert first is not None
    async with listening(Certificates(looked)) as port:
        looked.server = None
        await asyncio.sleep(0.05)
        assert await shown(port, looked.issuer) == first.certificate
