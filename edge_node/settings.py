"""Everything about an edge node that can be configured: one table of name, default and meaning.

A TOML file (`edge.toml` in the data folder) gives way to the environment, the environment to an option. The environment's names
are `MEDTECH_…` for what all programs here share, and `MEDTECH_EDGE_…` for the rest.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from edge_node.errors import SettingsWrong

CONFIG_NAME: Final = "edge.toml"
SHARED_NAMES: Final = frozenset({"data", "log", "passphrase_file"})
"""Settings that every program of this project has, so that one variable sets them for all."""

Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The node's settings. The descriptions are what `medtech-edge settings` prints."""

    data: Annotated[str, Meta(description="Folder of the node: database, key.")] = "var/edge"
    log: Annotated[
        Literal["text", "json"], Meta(description="Form of the log on standard error: for people, or JSON lines.")
    ] = "text"
    passphrase_file: Annotated[
        str,
        Meta(description="File with the passphrase of the key. Empty: the key lies in plain text beside the database."),
    ] = ""
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8070
    https: Annotated[
        bool,
        Meta(
            description="Serve by HTTPS, with a certificate of the clinic's own authority; /trust tells devices how to trust it."
        ),
    ] = False
    http_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="With `https`: port without it, that leads to the pages and hands out the authority's certificate.",
        ),
    ] = 8071
    tls_names: Annotated[
        str,
        Meta(
            description="With `https`: host names or addresses, with commas, that devices call this node by besides its own."
        ),
    ] = ""
    sync_interval: Annotated[
        float, Meta(ge=0, le=86_400, description="Seconds between exchanges with the hub; 0: only on demand.")
    ] = 60
    public_url: Annotated[
        str, Meta(description="Address that people reach this node by, behind a proxy. Empty: as they called it.")
    ] = ""
    trusted_proxies: Annotated[
        str, Meta(description="Addresses of reverse proxies whose X-Forwarded-For is believed, with commas; or none.")
    ] = ""
    language: Annotated[
        str,
        Meta(
            description="Language of the pages for who chose none, with the region whose digits and months are used: en, ar_SD."
        ),
    ] = "en"
    dhis2_mapping: Annotated[
        str,
        Meta(
            description="TOML file with the district's DHIS2 ids: `org_unit`, `data_set`, and `elements`, a table from indicator to id. "
            "Empty: a month's numbers go out under this program's own codes."
        ),
    ] = ""
    programme: Annotated[
        str,
        Meta(
            description="TOML file with the clinic's programme: its plan of contacts, its children's immunisations, what is common there. "
            "The same for every program over one data folder. Empty: the defaults, for a rural clinic in tropical Africa."
        ),
    ] = ""
    session_minutes: Annotated[Count, Meta(description="How long a login is valid.")] = 12 * 60
    login_failures_per_minute: Annotated[
        Count, Meta(description="Wrong passwords one address may try in a minute.")
    ] = 10
    idle_minutes: Annotated[
        Count, Meta(description="After so long without use a browser's login is locked until PIN or password.")
    ] = 10
    break_glass_minutes: Annotated[
        Count, Meta(description="How long a record outside of one's role stays open that was opened with a reason.")
    ] = 60
    request_kib_max: Annotated[Count, Meta(description="Largest body of one request, in KiB.")] = 8 * 1024


def environment_name(name: str) -> str:
    """The environment variable that gives a setting."""
    return f"MEDTECH_{name.upper()}" if name in SHARED_NAMES else f"MEDTECH_EDGE_{name.upper()}"


def load(environment: Mapping[str, str], options: Mapping[str, Any], config: Path | None = None) -> Settings:
    """The settings in force: file < environment < option.

    `options` holds those that were given (None: not given). Without `config`, `edge.toml` in the data folder is
    read if it is there. Raises `SettingsWrong`, naming the setting and where it came from.
    """
    known = {field.name for field in msgspec.structs.fields(Settings)}
    given = {name: value for name, value in options.items() if value is not None}
    surroundings = {
        name: environment[variable] for name in known if (variable := environment_name(name)) in environment
    }
    if config is None:
        candidate = Path(given.get("data", surroundings.get("data", Settings().data))) / CONFIG_NAME
        config = candidate if candidate.is_file() else None
    written = read_file(config) if config is not None else {}
    checked(written, f"the file {config}")
    checked(surroundings, "the environment")
    settings = checked({**written, **surroundings, **given}, "the options")
    return msgspec.structs.replace(settings, data=str(Path(settings.data).absolute()))


def read_file(path: Path) -> dict[str, Any]:
    """The TOML file's table. Raises `SettingsWrong` when it cannot be read or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsWrong(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsWrong(f"The settings file {path} is not TOML: {error}.") from error


def checked(values: Mapping[str, Any], source: str) -> Settings:
    """The values as settings, or `SettingsWrong`. Text is read as numbers where they are wanted."""
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
        "# Settings of an edge node\n\nMade by `medtech-edge settings --markdown`. A TOML file (`edge.toml` in the data "
        "folder)\ngives way to the environment, the environment to an option.\n\n"
    )
    return introduction + "\n".join(lines) + "\n"
