"""A name for what the packages of rules answer: whoever keeps what was derived by them derives it anew when it is another."""

from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from edge_node import immunisation, maternal
from edge_node.programme import Programme


@cache
def rules_version(programme: Programme, also: tuple[tuple[str, str], ...] = (("edge_node", "endings.py"),)) -> str:
    """Made of the settings, of the text of every module of the packages, and of other modules that take part: package and file."""
    found = blake2b(msgspec.json.encode(programme), digest_size=16)
    for file in _modules():
        found.update(file.read_bytes())
    for package, name in (*also, ("edge_node", "concepts.py")):
        found.update(files(package).joinpath(name).read_bytes())
    return found.hexdigest()


def _modules() -> Iterator[Traversable]:
    for package in (maternal, immunisation):
        folders = [files(package), files(package).joinpath("schedules")]
        for file in sorted((f for at in folders if at.is_dir() for f in at.iterdir()), key=lambda f: f.name):
            if file.is_file():
                yield file
