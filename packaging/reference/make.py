"""Makes docs/REFERENCE.md: commands, settings and errors, out of the program itself. A test keeps the file true.

python packaging/reference/make.py > docs/REFERENCE.md
"""

import inspect
from collections.abc import Iterator
from types import ModuleType

import click

import edge_node.cli
import edge_node.errors
import edge_node.settings
import hub.cli
import hub.errors
import hub.settings
import sync_protocol.errors

HEAD = """# Reference

Made by `python packaging/reference/make.py`; do not edit. What the words mean is in [ARCHITECTURE.md](ARCHITECTURE.md).
"""


def main() -> None:
    """Print the reference."""
    print(HEAD)
    for title, group in (("medtech-edge", edge_node.cli.cli), ("medtech-hub", hub.cli.cli)):
        print(f"## `{title}`\n")
        print("\n".join(commands(title, group)))
    for markdown in (edge_node.settings.reference_markdown(), hub.settings.reference_markdown()):
        print(markdown.replace("# ", "## ", 1))
    for title, module, base in (
        ("of an edge node", edge_node.errors, edge_node.errors.EdgeError),
        ("of the hub", hub.errors, hub.errors.HubError),
        ("of the protocol", sync_protocol.errors, sync_protocol.errors.ProtocolError),
    ):
        print(f"## Errors {title}\n")
        print("\n".join(errors(module, base)))


def commands(name: str, command: click.Command) -> Iterator[str]:
    """One entry for each command below, with its options."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from commands(f"{name} {child}", found)
        return
    arguments = " ".join(
        p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)
    )
    yield f"**`{name}{' ' + arguments if arguments else ''}`** — {' '.join((command.help or '').split())}\n"
    rows = [
        p
        for p in command.params
        if isinstance(p, click.Option) and p.name not in ("data", "config", "as_json", "json", "help")
    ]
    for option in rows:
        yield f"- `{', '.join(option.opts)}` {option.help or ''}".rstrip()
    if rows:
        yield ""


def errors(module: ModuleType, base: type[Exception]) -> Iterator[str]:
    """A table of the tree's classes: what each says, and what to do next."""
    yield "| error | says | HTTP | exit | what to do |"
    yield "|---|---|---|---|---|"
    for name, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, base) and found is not base:
            title = getattr(found, "title", (found.__doc__ or "").split("\n")[0].rstrip("."))
            status, code = getattr(found, "status", ""), getattr(found, "exit_code", "")
            yield f"| `{name}` | {title} | {status} | {code} | {getattr(found, 'hint', '')} |"
    yield ""


if __name__ == "__main__":
    main()
