"""`medtech-edge serve`."""

import asyncio
import os
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from edge_node import dhis2
from edge_node.api.app import make_app, options_of
from edge_node.api.serve import Address, Secure, serve
from edge_node.commands.run import Node, now_ms, opened, settings_from, shared_options, warn
from edge_node.errors import SettingsWrong
from edge_node.keys import PLAIN_WARNING
from edge_node.pages import agreement
from edge_node.pages.routes import make_pages
from edge_node.pages.trust_pages import Trust, make_plain
from edge_node.sync.background import apart
from edge_node.sync.condition import disk_free_percent
from edge_node.sync.exchanging import Progress, Syncing
from edge_node.sync.schedule import Schedule
from edge_node.tls.keeping import given_names, look
from edge_node.tls.serving import Certificates

OWN_MACHINE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
UNREACHABLE_WARNING: Final = (
    "No other device reaches this computer by its loopback address: give --host 0.0.0.0 to serve the clinic's network."
)


@click.command("serve")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option(
    "--https/--no-https", default=None, help="Serve by HTTPS, with a certificate of the clinic's own authority."
)
@click.option("--http-port", type=click.IntRange(0, 65535), help="With --https: port that leads there; 0: a free one.")
@click.option(
    "--sync-interval",
    type=click.FloatRange(0, 86_400),
    metavar="SECONDS",
    help="Between exchanges with the hub; 0: only on demand.",
)
@shared_options
def command(
    host: str | None,
    port: int | None,
    https: bool | None,
    http_port: int | None,
    sync_interval: float | None,
    data: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Serve this clinic until told to stop. Prints one line of JSON when it answers."""
    given = {"host": host, "port": port, "https": https, "http_port": http_port, "sync_interval": sync_interval}
    settings = settings_from(data, config, **given)
    with opened(settings, create=True) as node:
        if node.key.plain:
            warn(PLAIN_WARNING)
        if settings.https and settings.host in OWN_MACHINE:
            warn(UNREACHABLE_WARNING)
        run(node)


def run(node: Node) -> None:
    """The server and the schedule of exchanges, over one store."""
    settings, store = node.settings, node.store
    disk_free = partial(disk_free_percent, store.path.parent)
    syncing = Syncing(store, now_ms, os.urandom, version("medtech-edge"), disk_free)

    def noted(progress: Progress) -> None:
        agreement.note(store, progress.digest_equal, now_ms())

    async def sync() -> Progress:
        progress = await apart(syncing.run)
        await asyncio.to_thread(noted, progress)
        return progress

    trust = trusted(node) if settings.https else None
    district = dhis2.read_mapping(Path(settings.dhis2_mapping)) if settings.dhis2_mapping else None
    pages = make_pages(sync, key_is_plain=node.key.plain, language=settings.language, trust=trust, district=district)
    schedule = Schedule(store, syncing, settings.sync_interval, noted)
    app = make_app(store, now_ms, options_of(settings), sync=sync, pages=pages, wrote=schedule.poke)
    schedule.start()
    try:
        serve(app, Address(settings.host, settings.port, settings.trusted_proxies), secure=secured(node, trust))
    except OSError as error:
        ports = f"ports {settings.port} and {settings.http_port}" if settings.https else f"port {settings.port}"
        raise SettingsWrong(f"Cannot listen on {settings.host}, {ports}: {error.strerror}") from error
    finally:
        schedule.stop()
        syncing.close()


def trusted(node: Node) -> Trust:
    """The certificate of the clinic's own authority, which is made when there is none yet."""
    given = given_names(node.settings.tls_names)
    return Trust(Certificates(lambda: look(node.store, now_ms(), given)), now_ms, node.settings.language)


def secured(node: Node, trust: Trust | None) -> Secure | None:
    """HTTPS, and the way to it, when it is asked for."""
    if trust is None:
        return None
    return Secure(
        trust.certificates, lambda port, secure_port: make_plain(trust, port, secure_port), node.settings.http_port
    )
