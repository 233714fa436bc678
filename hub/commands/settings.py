"""`medtech-hub settings`: the reference of all settings."""

import click

from hub.commands.run import show
from hub.settings import reference, reference_markdown


@click.command(short_help="List all settings.")
@click.option("--markdown", is_flag=True, help="As the document that stands in docs/.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings(markdown: bool, as_json: bool) -> None:
    """List all settings: name, environment variable, default, meaning."""
    if markdown:
        click.echo(reference_markdown(), nl=False)
    else:
        show(reference(), as_json)
