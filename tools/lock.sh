#!/bin/sh
# Writes requirements/*.txt anew: every package that the tool, its demo and its checks install, pinned and hashed,
# with environment markers for each supported Python. Needs `uv`; run by `make lock`.
set -eu
cd "$(dirname "$0")/.."
compile() {
    output=$1
    shift
    uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
        --no-emit-index-url --no-emit-find-links "$@" --output-file "$output" pyproject.toml
}
# The widest set first; the smaller ones are held to its versions, so one environment can carry all of them.
compile requirements/dev.txt --extra dev --extra build --extra demo
compile requirements/demo.txt --extra build --extra demo --constraint requirements/dev.txt
compile requirements/run.txt --constraint requirements/dev.txt
