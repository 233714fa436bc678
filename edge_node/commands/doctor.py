"""`medtech-edge doctor`."""

import shutil
import stat
import time
from datetime import UTC, datetime
from typing import Any, Final

import click
import msgspec

from edge_node.commands.run import Node, opened, settings_from, shared_options, show_table, working
from edge_node.errors import EdgeError
from edge_node.keys import KEY_NAME, PLAIN_WARNING

FREE_BYTES_MIN: Final = 512 << 20
CLOCK_OFFSET_MS_MAX: Final = 5 * 60 * 1000
EARLIEST: Final = datetime(2024, 1, 1, tzinfo=UTC)
SILENT_DAYS_MAX: Final = 30
DAY_MS: Final = 86_400_000


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `state`: ok, warning or wrong."""

    name: str
    state: str
    text: str


@click.command("doctor")
@shared_options
def command(data: str | None, config: Any, as_json: bool) -> int:
    """Examine the node: its file, digests, key, disk, clock, and what waits for people. Exit status 1 when something is wrong."""
    settings = settings_from(data, config)
    try:
        with opened(settings) as node, working("examining"):
            findings = examine(node, time.time_ns() // 1_000_000)
    except EdgeError as error:
        findings = [Finding("opening", "wrong", f"{error}. {error.hint}")]
    wrong = [finding for finding in findings if finding.state == "wrong"]
    if as_json:
        click.echo(msgspec.json.encode({"ok": not wrong, "findings": findings}))
    else:
        show_table(msgspec.to_builtins(findings))
    return 1 if wrong else 0


def examine(node: Node, now_ms: int) -> list[Finding]:
    """All findings, in the order in which they matter."""
    return [_file(node), _digests(node), *_key(node), _disk(node), *_clock(node, now_ms), *_waiting(node, now_ms)]


def _file(node: Node) -> Finding:
    with node.store.reading() as connection:
        told = [line for (line,) in connection.execute("PRAGMA integrity_check(5)")]
        told += [f"page {line}" for (line,) in connection.execute("PRAGMA cipher_integrity_check")]
    if told == ["ok"]:
        return Finding("database file", "ok", "every page is whole")
    return Finding("database file", "wrong", f"{'; '.join(told)}. Keep the file, restore the last backup.")


def _digests(node: Node) -> Finding:
    kept = node.store.digests()
    computed = node.store.digests(rebuild=True)
    if computed in (kept, node.store.digests()):
        return Finding("digests", "ok", "as the records are")
    return Finding("digests", "wrong", "not those of the records: report it, and restore the last backup")


def _key(node: Node) -> list[Finding]:
    path = node.directory / KEY_NAME
    found = (
        [Finding("key", "warning", PLAIN_WARNING)] if node.key.plain else [Finding("key", "ok", "under a passphrase")]
    )
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        found.append(Finding("key file", "wrong", f"others may read {path}: `chmod 600` it"))
    return found


def _disk(node: Node) -> Finding:
    free = shutil.disk_usage(node.directory).free
    size = node.store.path.stat().st_size
    text = f"{free >> 20} MiB free, the database has {size >> 20} MiB"
    return Finding("disk", "ok" if free > max(FREE_BYTES_MIN, size) else "warning", text)


def _clock(node: Node, now_ms: int) -> list[Finding]:
    found = []
    if now_ms < EARLIEST.timestamp() * 1000:
        found.append(Finding("clock", "wrong", "this machine's clock is years behind; set it"))
    offset = node.store.status().clock_offset_ms
    if offset is None:
        found.append(Finding("clock", "ok", "never compared with a hub's"))
    else:
        state = "ok" if abs(offset) <= CLOCK_OFFSET_MS_MAX else "warning"
        found.append(Finding("clock", state, f"{offset / 1000:+.1f} s to the hub's; times are corrected by that"))
    return found


def _waiting(node: Node, now_ms: int) -> list[Finding]:
    status = node.store.status()
    found = []
    if status.hub is None:
        found.append(Finding("hub", "ok", "none: this clinic works by itself"))
    elif status.last_sync is None or _age_ms(status.last_sync, now_ms) > SILENT_DAYS_MAX * DAY_MS:
        text = f"last exchange: {status.last_sync or 'never'}, {status.pending} changes wait. {status.last_error or ''}"
        found.append(Finding("hub", "warning", text))
    else:
        found.append(Finding("hub", "ok", f"last exchange {status.last_sync}, {status.pending} changes wait"))
    found.append(_people(node))
    for name, count in (("conflicts", status.conflicts), ("quarantine", status.quarantine)):
        found.append(Finding(name, "warning" if count else "ok", f"{count} wait for a person" if count else "none"))
    return found


def _people(node: Node) -> Finding:
    """Who may log in, by where they come from; that nobody may is a warning."""
    users = [user for user in node.store.users.list() if not user.disabled]
    of_hub = sum(user.origin == "hub" for user in users)
    text = f"{len(users)} may log in: {of_hub} from the hub, {len(users) - of_hub} made here"
    return Finding("people", "ok" if users else "warning", text)


def _age_ms(instant: str, now_ms: int) -> float:
    return now_ms - datetime.fromisoformat(instant).timestamp() * 1000
