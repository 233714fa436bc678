"""`medtech-edge settings`: the reference of all settings."""

import click

from edge_node.commands.run import show
from edge_node.settings import reference, reference_markdown


@click.command("settings")
@click.option("--markdown", is_flag=True, help="As the document that stands in docs/.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(markdown: bool, as_json: bool) -> None:
    """List all settings: name, environment variable, default, meaning."""
    if markdown:
        click.echo(reference_markdown(), nl=False)
    else:
        show(reference(), as_json)
