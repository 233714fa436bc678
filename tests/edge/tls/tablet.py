"""A device on the clinic's network, in another network namespace than the clinic's computer: a Chromium that trusts what it is told to.

Chromium on Linux has authorities added by its policy `CACertificates`, in a file below /etc: so it runs in a mount namespace
of its own, where /etc/chromium holds that file alone.
"""

import base64
import json
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
_SCRIPT = """#!/bin/sh
exec {inside} {mounts} sh -c '
mount -t tmpfs tmpfs /etc/chromium && mkdir -p /etc/chromium/policies/managed &&
cp "{policy}" /etc/chromium/policies/managed/clinic.json && exec "{chromium}" "$@"' chromium "$@"
"""


def browser_that_trusts(folder: Path, inside: Sequence[str], authority: bytes) -> Path:
    """A program that is Chromium in the device's place, with this authority (DER) added to those it trusts."""
    folder.mkdir(exist_ok=True)
    policy = folder / "policy.json"
    policy.write_text(json.dumps({"CACertificates": [base64.b64encode(authority).decode()]}))
    mounts = "unshare --mount --" if os.geteuid() == 0 else "unshare --user --map-root-user --mount --"
    program = folder / "chromium"
    text = _SCRIPT.format(inside=" ".join(inside), mounts=mounts, policy=policy, chromium=CHROMIUM)
    program.write_text(text)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program
