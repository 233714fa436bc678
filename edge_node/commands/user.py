"""`medtech-edge user`."""

import sys
from pathlib import Path

import click

from edge_node.commands.run import Node, author, now_ms, on_node
from edge_node.store.model import User
from edge_node.store.trail import Action
from sync_protocol.passwords import ROLES


@click.group("user")
def command() -> None:
    """Users of this node: made here, and known here alone, or told of by the hub (`origin`), which changes them."""


@command.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(ROLES))
@click.option("--patient", metavar="ID", help="Of a citizen: the id of the Patient that she is.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="File with the password; - is standard input.",
)
@on_node(create=True)
def add(node: Node, name: str, role: str, patient: str | None, password_file: Path | None) -> User:
    """Add a user, or give one a new role and password."""
    added = node.store.users.add(name, role, _password(password_file), now_ms(), patient)
    _audit(node, "user-add", name)
    return added


@command.command("list")
@on_node()
def list_users(node: Node) -> list[User]:
    """All users."""
    return node.store.users.list()


@command.command("disable")
@click.argument("name")
@on_node()
def disable(node: Node, name: str) -> dict[str, str]:
    """Let a user log in no more at this node, whatever the hub says."""
    node.store.users.disable(name)
    _audit(node, "user-disable", name)
    return {"disabled": name}


@command.command("enable")
@click.argument("name")
@on_node()
def enable(node: Node, name: str) -> dict[str, str]:
    """Take back `disable`; whom the hub disabled stays out."""
    node.store.users.enable(name)
    _audit(node, "user-enable", name)
    return {"enabled": name}


@command.command("unlock")
@click.argument("name")
@on_node()
def unlock(node: Node, name: str) -> dict[str, str]:
    """End the wait after too many wrong passwords."""
    node.store.users.unlock(name)
    _audit(node, "user-unlock", name)
    return {"unlocked": name}


def _audit(node: Node, action: Action, name: str) -> None:
    """Who may log in is changed: by whom, whose login."""
    node.store.record(author(), now_ms(), action, detail={"name": name})


def _password(file: Path | None) -> str:
    """From the file, from standard input, or asked for on a terminal; never an argument, which others could see."""
    if file is not None and str(file) != "-":
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    if file is None and sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    return sys.stdin.readline().rstrip("\r\n")
