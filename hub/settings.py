"""Everything about the hub that can be configured: one table of name, default and meaning.

A TOML file gives way to the environment, the environment to an option. The environment's names are `MEDTECH_DATA` and
`MEDTECH_LOG`, as for all programs here, and `MEDTECH_HUB_…` for the rest.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from hub.errors import SettingsWrong
from sync_protocol import bounds

CONFIG_NAME: Final = "hub.toml"
SHARED_NAMES: Final = frozenset({"data", "log"})
"""Settings that every program of this project has, so that one variable sets them for all."""

Count = Annotated[int, Meta(ge=1, le=100_000)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The hub's settings. The descriptions are what `medtech-hub settings` prints."""

    data: Annotated[str, Meta(description="Folder of the hub: keys, the admin token, its own Postgres.")] = "var/hub"
    log: Annotated[
        Literal["text", "json"], Meta(description="Form of the log on standard error: for people, or JSON lines.")
    ] = "text"
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    trusted_proxies: Annotated[
        str, Meta(description="Addresses of reverse proxies whose X-Forwarded-For is believed, with commas; or none.")
    ] = ""
    dsn: Annotated[
        str,
        Meta(
            description="Postgres to use, as postgresql://user:password@host/database. Empty: an own one, under data."
        ),
    ] = ""
    dsn_pooled: Annotated[
        bool, Meta(description="Whether dsn leads through a pooler in transaction mode, such as PgBouncer.")
    ] = True
    connections_max: Annotated[Count, Meta(description="Connections to Postgres at most.")] = 16
    master_key_file: Annotated[
        str, Meta(description="File with the master key. Empty: master.key under data, made at the first start.")
    ] = ""
    master_key: Annotated[
        str, Meta(description="The master key itself, 64 hex digits, from a secret store; rather than a file.")
    ] = ""
    exchanges_max: Annotated[
        Count, Meta(description="Exchanges taken in at the same time, slow uploads included; more are told to wait.")
    ] = 128
    upload_seconds_max: Annotated[Count, Meta(description="How long the body of one exchange may take to come.")] = 300
    request_bytes_max: Annotated[
        int, Meta(ge=bounds.FRAME_BYTES_MAX, le=1 << 30, description="Largest body of one exchange, in bytes.")
    ] = bounds.REQUEST_BYTES_MAX
    retry_after_seconds: Annotated[Count, Meta(description="How long a node is asked to wait when all is busy.")] = 2
    shutdown_seconds: Annotated[Count, Meta(description="How long requests in work may take to end at a stop.")] = 5
    invite_hours: Annotated[Count, Meta(description="How long an invitation's code is valid.")] = 48
    enroll_failures_per_minute: Annotated[Count, Meta(description="Wrong codes one address may try in a minute.")] = 10
    enroll_failures_all_per_minute: Annotated[
        Count, Meta(description="Wrong codes all addresses together may try in a minute.")
    ] = 300
    finds_per_hour: Annotated[Count, Meta(description="People whom one node may look for in an hour.")] = 60
    finds_per_day: Annotated[Count, Meta(description="People whom one node may look for in a day.")] = 300


def environment_name(name: str) -> str:
    """The environment variable that gives a setting."""
    return f"MEDTECH_{name.upper()}" if name in SHARED_NAMES else f"MEDTECH_HUB_{name.upper()}"


def load(environment: Mapping[str, str], options: Mapping[str, Any], config: Path | None = None) -> Settings:
    """The settings in force: file < environment < option.

    `options` holds those that were given (None: not given). Without `config`, `hub.toml` in the data folder is
    read if it is there. Raises `SettingsWrong`, naming the setting and where it came from.
    """
    known = {field.name for field in msgspec.structs.fields(Settings)}
    given = {name: value for name, value in options.items() if value is not None}
    surroundings = {
        name: environment[variable]
        for name in known
        if (variable := environment_name(name)) in environment and not is_service_link(environment[variable])
    }
    if config is None:
        candidate = Path(given.get("data", surroundings.get("data", Settings().data))) / CONFIG_NAME
        config = candidate if candidate.is_file() else None
    written = read_file(config) if config is not None else {}
    checked(written, f"the file {config}")
    checked(surroundings, "the environment")
    settings = checked({**written, **surroundings, **given}, "the options")
    return msgspec.structs.replace(settings, data=str(Path(settings.data).absolute()))


def is_service_link(value: str) -> bool:
    """Whether Kubernetes put it there: for a service named medtech-hub it sets MEDTECH_HUB_PORT=tcp://… by itself."""
    return value.startswith("tcp://")


def read_file(path: Path) -> dict[str, Any]:
    """The TOML file's table. Raises `SettingsWrong` when it cannot be read or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsWrong(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsWrong(f"The settings file {path} is not TOML: {error}.") from error


def checked(values: Mapping[str, Any], source: str) -> Settings:
    """The values as settings, or `SettingsWrong`. Text is read as numbers and truth values where they are wanted."""
    try:
        return msgspec.convert(dict(values), Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsWrong(f"In {source}: {error}.") from error


class Entry(Struct, frozen=True):
    """One row of the reference."""

    name: str
    environment: str
    default: str
    meaning: str


def reference() -> list[Entry]:
    """All settings, for people: name, variable, default, meaning."""
    described = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    defaults = Settings()
    return [
        Entry(
            name=field.name,
            environment=environment_name(field.name),
            default=msgspec.json.encode(getattr(defaults, field.name)).decode(),
            meaning=described[field.name]["description"],
        )
        for field in msgspec.structs.fields(Settings)
    ]


def reference_markdown() -> str:
    """The reference as a Markdown document."""
    lines = ["| setting | environment | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{row.name}` | `{row.environment}` | `{row.default}` | {row.meaning} |" for row in reference()]
    introduction = (
        "# Settings of the hub\n\nMade by `medtech-hub settings --markdown`. A TOML file (`--config`, or `hub.toml` "
        "in the data folder)\ngives way to the environment, the environment to an option.\n\n"
    )
    return introduction + "\n".join(lines) + "\n"
