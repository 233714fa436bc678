"""Hub processes over the cluster, as an operator would run them: one settings file for all, a folder for each."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

import httpx

from hub.cluster.program import Command
from hub.cluster.shape import CONFIG_NAME, Shape, dsn, redis_password, redis_url
from hub.keys import MASTER_NAME
from hub.settings import environment_name

ADMIN_NAME: Final = "admin.token"
HOST: Final = "127.0.0.1"
ANSWER_SECONDS_MAX: Final = 5.0


def settings_of(shape: Shape, data: Path, user: str) -> dict[str, str | bool]:
    """What stands in the settings file of all hub processes and commands."""
    return {
        "dsn": dsn(shape.servers(data, 1), user),
        "dsn_pooled": True,
        "master_key_file": str(data / MASTER_NAME),
        "redis_url": redis_url(shape, redis_password(data)),
        "blob_store": str(data / "blobs"),
    }


def settings_text(values: dict[str, str | bool]) -> str:
    """The file, as TOML."""
    told = {True: "true", False: "false"}
    return "".join(
        f"{name} = {told[value] if isinstance(value, bool) else f'{chr(34)}{value}{chr(34)}'}\n"
        for name, value in values.items()
    )


def write_settings(data: Path, text: str) -> None:
    """Writes the file, whole, for its owner alone: it holds a password."""
    made = data / f".{CONFIG_NAME}"
    made.unlink(missing_ok=True)
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    made.rename(data / CONFIG_NAME)


async def prepare(data: Path, number: int, port: int, names: frozenset[str]) -> Command:
    """Makes a process's folder, and says how it is started. `names`: settings that the file has, which the environment must not change."""
    folder = data / f"hub-{number}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = folder / ADMIN_NAME
    if not token.exists():
        os.link(data / ADMIN_NAME, token)
    ours = {environment_name(name) for name in names} | {"MEDTECH_DATA", "MEDTECH_HUB_MASTER_KEY"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    words = (
        *(sys.executable, "-P", "-c", "from hub.cli import main; main()", "serve", "--data", str(folder)),
        *("--config", str(data / CONFIG_NAME), "--host", HOST, "--port", str(port)),
    )
    return Command(words, data, {"env": environment}, (signal.SIGTERM,))


async def answers(port: int) -> bool:
    """Whether a process can do its work."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX), httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://{HOST}:{port}/readyz")).status_code == httpx.codes.OK
    except (httpx.HTTPError, OSError):
        return False
