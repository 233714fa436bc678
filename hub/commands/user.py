"""`medtech-hub user`."""

import sys
from pathlib import Path
from typing import Any

import click

from hub import people
from hub.commands.run import actor, by_command, on_hub
from hub.runtime import Hub
from hub.sessions import authenticators
from sync_protocol.passwords import ROLES


@click.group()
def user() -> None:
    """People who may log in: at the clinics' nodes, which learn of them with their next exchange, and at the hub."""


@user.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(ROLES))
@click.option(
    "--facility", metavar="ID", help="Facility at whose nodes she may log in; without: operators and admins at all."
)
@click.option("--region", metavar="R", help="Of an operator of the hub: the one region that she sees; without: all.")
@click.option("--patient", metavar="ID", help="Of a citizen: the id of the Patient that she is.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="File with the password; - is standard input.",
)
@on_hub
async def add(
    hub: Hub,
    name: str,
    role: str,
    facility: str | None,
    region: str | None,
    patient: str | None,
    password_file: Path | None,
) -> dict[str, Any]:
    """Add a user, or give one a new role, facility and password."""
    return await people.add_user(hub, by_command(), name, role, _password(password_file), facility, patient, region)


@user.command("list")
@on_hub
async def list_users(hub: Hub) -> list[dict[str, Any]]:
    """All users."""
    return await people.list_users(hub)


@user.command("disable")
@click.argument("name")
@on_hub
async def disable(hub: Hub, name: str) -> dict[str, Any]:
    """Let a user log in no more: at the hub at once, at each node from its next exchange on."""
    return await people.disable_user(hub, by_command(), name)


@user.command("totp")
@click.argument("name")
@click.option("--reset", is_flag=True, help="Take the one-time codes away: she lost her telephone.")
@on_hub
async def totp(hub: Hub, name: str, reset: bool) -> Any:
    """Make one-time codes for a user, who needs them to log in at the hub from now on. The secret is shown now and never again."""
    if reset:
        return await people.reset_codes(hub, actor(), name)
    return await authenticators.enrol(hub.desk, actor(), name, confirmed=True)


def _password(file: Path | None) -> str:
    """From the file, from standard input, or asked for on a terminal; never an argument, which others could see."""
    if file is not None and str(file) != "-":
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    if file is None and sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    return sys.stdin.readline().rstrip("\r\n")
