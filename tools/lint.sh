#!/bin/sh
# Runs every static check with the settings of the repository; all of them, so that one run shows all that is wrong.
# Used by `make lint`, by pre-commit and by CI, so the three cannot differ.
set -u
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH LC_ALL=C.UTF-8
failed=

check() {
    name=$1
    shift
    if ! "$@"; then
        failed="$failed $name"
    fi
}

# It takes as long as all others together, so it runs beside them.
said=$(mktemp)
trap 'rm -f "$said"' EXIT
ansible-lint --offline --strict -q >"$said" 2>&1 &
beside=$!

check ruff ruff check --quiet .
check format ruff format --quiet --diff .
check mypy tools/typecheck.sh
check yamllint yamllint --strict .
check codespell codespell
if ! wait "$beside"; then
    cat "$said"
    failed="$failed ansible-lint"
fi
if [ -n "$failed" ]; then
    echo "These checks failed:$failed (make format mends what a formatter can)" >&2
    exit 1
fi
