"""`medtech-edge`: a clinic's commands. Exit status: 0 done, 1 failed, 2 usage, 75 try again later."""

import importlib
import json
import sys
from typing import Final

import click

from edge_node.errors import EdgeError, of_system
from sync_protocol.errors import ProtocolError

COMMANDS: Final[dict[str, str]] = {
    "serve": "Serve this clinic: pages, FHIR, and exchanges with the hub.",
    "enroll": "Join a hub, with the code that its administrator gave.",
    "sync": "Exchange with the hub until nothing waits on either side.",
    "status": "Tell who this node is and what waits.",
    "import": "Take in FHIR Bundles or NDJSON.",
    "export": "Print all resources as NDJSON.",
    "digest": "Tell the digest of each scope.",
    "user": "Users of this node.",
    "backup": "Write an encrypted copy of the database.",
    "restore": "Bring a backup back, as a new incarnation.",
    "rotate-key": "Wrap the database's key under the passphrase that is set now.",
    "trust": "Tell how devices recognise this clinic's certificate authority.",
    "doctor": "Examine the node, and tell what is wrong.",
    "settings": "List all settings.",
}
"""Command → what it does. Each stands in the module of its name, which is imported when it is called: starting is quick."""


class Commands(click.Group):
    """The commands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"edge_node.commands.{name if name != 'import' else 'imports'}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="medtech-edge", prog_name="medtech-edge")
def cli() -> None:
    """A clinic's node: its records, encrypted, working without a network, and exchanging with a hub when there is one."""


def main() -> None:
    """The entry point: the one place where an error becomes an exit status."""
    try:
        status = cli(standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        status = 1
    except BrokenPipeError:  # the reader of our output has what it wanted
        sys.stderr.close()
        status = 1
    except EdgeError as error:
        tell(error)
        status = error.exit_code
    except ProtocolError as error:
        tell(error)
        status = 1
    except OSError as error:
        tell(of_system(error))
        status = 1
    sys.exit(status)


def tell(error: EdgeError | ProtocolError) -> None:
    """Says on standard error what is wrong and what to do; as JSON when that was asked for."""
    if "--json" in sys.argv:
        print(json.dumps({"error": type(error).__name__, "detail": str(error), "hint": error.hint}), file=sys.stderr)
    else:
        print(f"{error}\n{error.hint}", file=sys.stderr)
