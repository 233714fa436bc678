#!/usr/bin/env bash
# Makes .venv/ with the pinned, hashed requirements and this project in it (editable).
# Does nothing when all of that is there already; may be run by several at once. PYTHON names an interpreter to use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

requirements=packaging/requirements/dev.txt

# Prints the first Python that is new enough and, if asked, can make an environment with pip in it.
find_python() {
    local wanted="import sys${1:+, $1}; sys.exit(sys.version_info < (3, 11))" candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c "$wanted" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    local interpreter
    if ! interpreter=$(find_python ensurepip); then
        if ! find_python >/dev/null; then
            echo "Python 3.11 or newer is needed. Set PYTHON to one, or on Debian 12: apt-get install python3" >&2
            exit 1
        fi
        bash packaging/setup/debian.sh python3-venv
        interpreter=$(find_python ensurepip)
    fi
    rm -rf .venv
    "$interpreter" -m venv .venv
}

# Runs a command unless it was last done with the same key, which is kept in a file.
once_for() {
    local key=$1 stamp=$2
    shift 2
    if [[ ! -f $stamp || $(<"$stamp") != "$key" ]]; then
        "$@"
        printf '%s\n' "$key" >"$stamp"
    fi
}

install_requirements() {
    echo "Installing the pinned requirements into .venv (about half a minute)" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
}

# The build backend is among the requirements, so nothing is fetched here.
install_project() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
        --editable .
}

exec 9<"$requirements"
flock 9
.venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
once_for "$(sha256sum <"$requirements")" .venv/requirements.stamp install_requirements
once_for "$(sha256sum <pyproject.toml) $PWD" .venv/project.stamp install_project
