"""`medtech-edge trust`."""

from pathlib import Path

import click
import msgspec

from edge_node.commands.run import Node, now_ms, on_node
from edge_node.tls import interfaces, keeping, trust


class Told(msgspec.Struct, frozen=True):
    """The authority, as devices show it. `page`: where they are told how to trust it, while the server runs with HTTPS."""

    name: str
    sha256: str
    until: str
    names: list[str]
    page: str


@click.command("trust")
@click.option(
    "--new", is_flag=True, help="Make another authority, for a key that may be known: every device trusts anew."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the authority's certificate to this file."
)
@on_node(create=True)
def command(node: Node, new: bool, out: Path | None) -> Told:
    """Tell how devices recognise this clinic's certificate authority, so that what they show can be compared. A server that runs takes a
    new authority within a minute."""
    if new:
        keeping.replace(node.store)
    kept = keeping.look(node.store, now_ms(), keeping.given_names(node.settings.tls_names))
    if out is not None:
        out.write_bytes(kept.authority.certificate)
    host = next(iter(interfaces.reachable(list(kept.names))), "localhost")
    shown = f"[{host}]" if ":" in host else host
    return Told(
        trust.name(kept.authority),
        trust.fingerprint(kept.authority),
        kept.authority.parsed().not_valid_after_utc.date().isoformat(),
        list(kept.names),
        f"http://{shown}:{node.settings.http_port}/trust",
    )
