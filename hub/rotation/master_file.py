"""The file with the master key while another key takes its place in it: never without the one that opens the database.

before            during              after
old               new                 new            beside it, `….old-<id>`: the old one, for backups that were made under it
                  old
"""

from pathlib import Path

from hub.errors import SettingsWrong
from hub.keys.files import make_secret_file, replace_secret_file
from hub.keys.masters import GIVEN_NAME, LocalMaster, master_file, parsed, read_master_file
from hub.settings import Settings


def new_master_key(path: Path) -> bytes:
    """The one key in a file. Raises `MasterKeyMissing`, `SettingsWrong`."""
    keys = read_master_file(path)
    if len(keys) != 1:
        raise SettingsWrong(f"The file {path} has to hold one master key, the new one.")
    return keys[0]


def put_beside(settings: Settings, new: bytes) -> None:
    """Makes the new key one of those that the settings give. Raises `SettingsWrong` where that is not ours to do."""
    if settings.master_key:
        if new not in parsed(settings.master_key, GIVEN_NAME):
            raise SettingsWrong(
                f"The master key comes from {GIVEN_NAME}, which does not have the new one.",
                hint=f"Give all processes both in {GIVEN_NAME}, the new one first, with a space between. Then do this again.",
            )
        return
    path = master_file(Path(settings.data), settings.master_key_file)
    present = read_master_file(path) if path.exists() else []
    if new not in present:
        _write(path, [new, *present])


def leave_alone(settings: Settings, new: bytes) -> list[Path]:
    """Takes the others out of the file, once nothing is under them. Returns where they are kept."""
    if settings.master_key:
        return []
    path = master_file(Path(settings.data), settings.master_key_file)
    kept: list[Path] = []
    for old in [key for key in read_master_file(path) if key != new]:
        kept.append(path.with_name(f"{path.name}.old-{LocalMaster(old).id.hex()}"))
        make_secret_file(kept[-1], old.hex())
    if kept:
        _write(path, [new])
    return kept


def _write(path: Path, keys: list[bytes]) -> None:
    text = "\n".join(key.hex() for key in keys)
    if path.exists():
        replace_secret_file(path, text)
    else:
        make_secret_file(path, text)
