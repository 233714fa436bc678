"""`medtech-edge serve`."""

import asyncio
import os
from importlib.metadata import version
from pathlib import Path

import click

from edge_node.api.app import make_app, options_of
from edge_node.api.serve import Address, serve
from edge_node.commands.run import Node, now_ms, opened, settings_from, shared_options, warn
from edge_node.errors import SettingsWrong
from edge_node.keys import PLAIN_WARNING
from edge_node.pages import agreement
from edge_node.pages.routes import make_pages
from edge_node.sync.background import apart
from edge_node.sync.exchanging import Progress, Syncing
from edge_node.sync.schedule import Schedule


@click.command("serve")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
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
    sync_interval: float | None,
    data: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Serve this clinic until told to stop. Prints one line of JSON when it answers."""
    settings = settings_from(data, config, host=host, port=port, sync_interval=sync_interval)
    with opened(settings, create=True) as node:
        if node.key.plain:
            warn(PLAIN_WARNING)
        run(node)


def run(node: Node) -> None:
    """The server and the schedule of exchanges, over one store."""
    settings, store = node.settings, node.store
    syncing = Syncing(store, now_ms, os.urandom, version("medtech-edge"))

    def noted(progress: Progress) -> None:
        agreement.note(store, progress.digest_equal, now_ms())

    async def sync() -> Progress:
        progress = await apart(syncing.run)
        await asyncio.to_thread(noted, progress)
        return progress

    pages = make_pages(sync, key_is_plain=node.key.plain, language=settings.language)
    schedule = Schedule(store, syncing, settings.sync_interval, noted)
    app = make_app(store, now_ms, options_of(settings), sync=sync, pages=pages, wrote=schedule.poke)
    schedule.start()
    try:
        serve(app, Address(settings.host, settings.port, settings.trusted_proxies))
    except OSError as error:
        raise SettingsWrong(f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}") from error
    finally:
        schedule.stop()
        syncing.close()
