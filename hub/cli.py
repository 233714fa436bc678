"""`medtech-hub`: the hub's commands. Exit status: 0 done, 1 failed, 2 usage, 75 try again later."""

import json
import sys

import click

from hub.commands.cluster import cluster
from hub.commands.facility import facility
from hub.commands.facts import facts
from hub.commands.key import key
from hub.commands.node import node
from hub.commands.review import conflicts, quarantine
from hub.commands.serve import serve
from hub.commands.settings import settings
from hub.commands.shard import shard
from hub.commands.user import user
from hub.errors import HubError
from hub.memory import keep_to_ourselves


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="medtech-edge", prog_name="medtech-hub")
def cli() -> None:
    """The hub: where clinics exchange their health records, and are administered."""


for command in (serve, cluster, shard, facility, node, user, key, quarantine, conflicts, facts, settings):
    cli.add_command(command)


def main() -> None:
    """The entry point: the one place where an error becomes an exit status."""
    try:
        keep_to_ourselves()
        status = cli(standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        status = 1
    except HubError as error:
        tell(error)
        status = error.exit_code
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        tell(HubError(what, hint="See that the disk has room and that the hub's user may use this folder."))
        status = 1
    sys.exit(status)


def tell(error: HubError) -> None:
    """Says on standard error what is wrong and what to do; as JSON when that was asked for."""
    if "--json" in sys.argv:
        print(json.dumps({"error": type(error).__name__, "detail": str(error), "hint": error.hint}), file=sys.stderr)
    else:
        print(f"{error}\n{error.hint}", file=sys.stderr)
