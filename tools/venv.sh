#!/bin/sh
# Makes or completes a virtualenv from pinned packages, with this checkout installed into it by reference.
# Usage: tools/venv.sh FOLDER LOCK_FILE     (PYTHON=... chooses the interpreter)
set -eu
cd "$(dirname "$0")/.."
folder=$1
lock=$2
enough='import sys; sys.exit(sys.version_info < (3, 11))'

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

# The first interpreter that is new enough; a version manager's shim may exist and still run nothing.
find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
        if "$candidate" -c "$enough" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    stop "No Python 3.11 or newer runs here (tried: ${PYTHON:-python3, python3.11 to python3.14})." \
        "${PYTHON:-python3} says: $(${PYTHON:-python3} --version 2>&1 | tail -1)" \
        "Next: install one (Debian 12, Ubuntu 24.04 and newer have it as python3), or name one: make PYTHON=/path/to/python3"
}

if ! "$folder/bin/python" -c "$enough" 2>/dev/null || ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python) || exit 1
    rm -rf "$folder"
    "$python" -m venv "$folder" >/dev/null || {
        rm -rf "$folder"
        stop "$python cannot make a virtual environment: its venv module is missing or incomplete." \
            "Next: on Debian and Ubuntu, apt-get install python3-venv; then run make again."
    }
fi

pip() {
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore "$folder/bin/python" -m pip -qq "$@"
}
echo "installing the packages of $lock into $folder" >&2
pip install --require-hashes --requirement "$lock"
pip install --no-deps --no-build-isolation --editable .
