#!/bin/sh
# Checks the types of all Python of ours; modules in the roles' library folders are files of their own, not packages.
set -eu
cd "$(dirname "$0")/.."
set -- runner/namaskah_deploy tests
for extra in demo tools roles/application/module_utils/namaskah_host roles/*/library/*.py; do
    if [ -e "$extra" ] && { [ -f "$extra" ] || find "$extra" -name '*.py' | grep -q .; }; then
        set -- "$@" "$extra"
    fi
done
exec mypy "$@"
