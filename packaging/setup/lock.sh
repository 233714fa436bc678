#!/usr/bin/env bash
# Writes packaging/requirements/ from pyproject.toml: exact releases for every platform and Python from 3.11 on,
# with the hashes of all their files and without the address they came from. Options go to `uv pip compile`:
# without --upgrade, what is pinned already stays. dev.txt holds the tools too, at the same releases.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

pin() {
    .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@" >/dev/null
}

# The tools first: the runtime then takes releases that the tools work with too, so that what is tested is what runs.
pin --group dev --output-file packaging/requirements/dev.txt "$@"
pin --constraints packaging/requirements/dev.txt --output-file packaging/requirements/runtime.txt "$@"
