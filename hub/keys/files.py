"""Files that hold a secret: whole or not there at all, and read by their owner alone."""

import os
import secrets
from pathlib import Path


def make_secret_file(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all; another process's file of that name stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = _written_beside(path, text)
    try:
        os.link(made, path)
        flush_folder(path.parent)
    except FileExistsError:
        return
    finally:
        made.unlink()


def replace_secret_file(path: Path, text: str) -> None:
    """Puts another text into such a file: whoever reads it, or finds it after a power cut, has the old one or the new one."""
    made = _written_beside(path, text)
    try:
        made.replace(path)
    except OSError:
        made.unlink()
        raise
    flush_folder(path.parent)


def _written_beside(path: Path, text: str) -> Path:
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return made


def flush_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
