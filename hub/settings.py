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
Many = Annotated[int, Meta(ge=1, le=100_000_000)]


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
            description="Postgres to use, as postgresql://user:password@host/database; all its servers, with commas, if it has standbys. "
            "Empty: an own one, under data."
        ),
    ] = ""
    dsn_pooled: Annotated[
        bool, Meta(description="Whether dsn leads through a pooler in transaction mode, such as PgBouncer.")
    ] = True
    connections_max: Annotated[Count, Meta(description="Connections to Postgres at most.")] = 16
    replica_lag_seconds_max: Annotated[
        Count, Meta(description="How far a standby may be behind for dashboards to read from it, in seconds.")
    ] = 10
    redis_url: Annotated[
        str,
        Meta(
            description="Redis to use, as redis://user:password@host:port, rediss:// for TLS; for a cluster redis+cluster:// or "
            "several hosts with commas. Empty: none, which does for one server."
        ),
    ] = ""
    master_key_file: Annotated[
        str, Meta(description="File with the master key. Empty: master.key under data, made at the first start.")
    ] = ""
    master_key: Annotated[
        str, Meta(description="The master key itself, 64 hex digits, from a secret store; rather than a file.")
    ] = ""
    kms_url: Annotated[
        str,
        Meta(description="Address of a KMS with Vault's transit API, which then has the master key. Empty: none."),
    ] = ""
    kms_keys: Annotated[
        str,
        Meta(description="Names of master keys in the KMS, with commas: the first for a new hub, others still open."),
    ] = ""
    kms_mount: Annotated[str, Meta(description="Where the transit engine is mounted in the KMS.")] = "transit"
    kms_token_file: Annotated[
        str, Meta(description="File with the KMS's token, read anew for each call; an agent may exchange it.")
    ] = ""
    kms_ca_file: Annotated[
        str, Meta(description="Certificate authority of the KMS, PEM. Empty: those that the system trusts.")
    ] = ""
    exchanges_max: Annotated[
        Count, Meta(description="Exchanges taken in at the same time, slow uploads included; more are told to wait.")
    ] = 128
    exchange_bytes_max: Annotated[
        int,
        Meta(
            ge=bounds.REQUEST_BYTES_MAX,
            le=1 << 36,
            description="Bytes of exchanges taken in at the same time, as sent.",
        ),
    ] = 64 * 1024 * 1024
    upload_seconds_max: Annotated[Count, Meta(description="How long the body of one exchange may take to come.")] = 300
    request_bytes_max: Annotated[
        int, Meta(ge=bounds.FRAME_BYTES_MAX, le=1 << 30, description="Largest body of one exchange, in bytes.")
    ] = bounds.REQUEST_BYTES_MAX
    retry_after_seconds: Annotated[Count, Meta(description="How long a node is asked to wait when all is busy.")] = 2
    shutdown_seconds: Annotated[Count, Meta(description="How long requests in work may take to end at a stop.")] = 5
    invite_hours: Annotated[Count, Meta(description="How long an invitation's code is valid.")] = 48
    access_token_seconds: Annotated[
        int, Meta(ge=30, le=600, description="How long an access token is valid; its session may end before.")
    ] = 600
    session_idle_minutes: Annotated[Count, Meta(description="So long after the last request a login is over.")] = 60
    session_hours_max: Annotated[Count, Meta(description="So long after the login it is over in any case.")] = 12
    login_key_days: Annotated[Count, Meta(description="Age at which the key that signs tokens is replaced.")] = 30
    login_threads: Annotated[
        int, Meta(ge=1, le=64, description="Passwords that are checked at the same time; each takes 19 MiB.")
    ] = 2
    logins_waiting_max: Annotated[Count, Meta(description="Logins that may wait for that; more are told to wait.")] = 20
    admin_totp_required: Annotated[
        bool, Meta(description="Whether administrators log in at the hub with one-time codes only.")
    ] = False
    login_failures_per_hour: Annotated[
        Count, Meta(description="Wrong passwords that may be tried for one name in an hour, ten of them at once.")
    ] = 60
    login_failures_per_address_per_minute: Annotated[
        Count, Meta(description="Wrong passwords that may be tried from one address in a minute.")
    ] = 30
    requests_per_user_per_minute: Annotated[
        Many, Meta(description="Requests that one person may make in a minute.")
    ] = 1_200
    requests_per_address_per_minute: Annotated[
        Many, Meta(description="Requests that may come from one address in a minute, those of nodes left out.")
    ] = 6_000
    record_reads_per_hour: Annotated[
        Many, Meta(description="How often one person or node may read one file of a patient's record in an hour.")
    ] = 600
    exchanges_per_node_per_minute: Annotated[Many, Meta(description="Exchanges that one node may do in a minute.")] = (
        12_000
    )
    enroll_failures_per_minute: Annotated[Count, Meta(description="Wrong codes one address may try in a minute.")] = 10
    enroll_failures_all_per_minute: Annotated[
        Count, Meta(description="Wrong codes all addresses together may try in a minute.")
    ] = 300
    blob_store: Annotated[
        str,
        Meta(
            description="Where files are kept: a folder, or s3://bucket/prefix; {region} in it is replaced by the region. "
            "Empty: blobs under data."
        ),
    ] = ""
    blob_store_endpoint: Annotated[
        str,
        Meta(description="URL of an S3-compatible server; empty: Amazon's. Keys are in AWS_ACCESS_KEY_ID and so on."),
    ] = ""
    blob_bytes_max: Annotated[int, Meta(ge=1 << 16, le=1 << 34, description="Largest file, in bytes.")] = 100 << 20
    blob_unused_days: Annotated[
        Count, Meta(description="Files that no record speaks of are erased after so many days.")
    ] = 30
    blob_link_seconds: Annotated[Count, Meta(description="How long a signed address of a file is valid.")] = 300
    blob_links_shared: Annotated[
        bool, Meta(description="Whether a CDN or proxy may keep what a signed address gives, until it expires.")
    ] = False
    uploads_max: Annotated[Count, Meta(description="Pieces of files taken in at the same time by one process.")] = 32
    upload_hours: Annotated[Count, Meta(description="How long a file that was not sent whole is kept.")] = 48
    exports_max: Annotated[Count, Meta(description="Exports made at the same time, by all processes together.")] = 2
    export_hours: Annotated[Count, Meta(description="How long the files of an export are kept.")] = 24
    refresh_seconds: Annotated[Count, Meta(description="How often the console's numbers are refreshed.")] = 300
    finds_per_hour: Annotated[
        Count, Meta(description="People whom one node may look for in an hour, or one who asks `$match`.")
    ] = 60
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
