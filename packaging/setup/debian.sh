#!/usr/bin/env bash
# Makes sure that the named Debian packages are installed: by apt-get for root; anyone else is told what to run.
set -euo pipefail

if ! command -v dpkg-query >/dev/null; then
    echo "Not a Debian system. Install the equivalents of: $*" >&2
    exit 1
fi

missing=()
for package in "$@"; do
    # Printed as "installed" only once unpacked and configured.
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    exit 0
fi

if ((EUID != 0)); then
    echo "Debian packages are missing. Run this once, then try again:" >&2
    echo "sudo apt-get update && sudo apt-get install --yes --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

echo "Installing Debian packages: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# The lock is waited for, since a machine that has just started may be updating itself.
apt-get --quiet --quiet --option DPkg::Lock::Timeout=300 update
apt-get --quiet --quiet --option DPkg::Lock::Timeout=300 --option Dpkg::Use-Pty=0 \
    install --yes --no-install-recommends "${missing[@]}" >/dev/null
