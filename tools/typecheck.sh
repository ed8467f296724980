#!/bin/sh
# Checks the types of all Python of ours. Ansible gives the roles' shared packages a name of its own
# (ansible.module_utils.X); types/ holds a link to each, so that mypy checks them under that one name.
set -eu
cd "$(dirname "$0")/.."
for package in roles/*/module_utils/*/; do
    name=$(basename "$package")
    if [ ! -e "types/ansible/module_utils/$name" ] && [ "$name" != __pycache__ ]; then
        echo "types/ansible/module_utils/$name is missing: ln -s ../../../${package%/} types/ansible/module_utils/$name" >&2
        exit 1
    fi
done
set -- types
for folder in runner/namaskah_deploy tests demo tools; do
    if [ -n "$(find "$folder" -name '*.py' 2>/dev/null)" ]; then
        set -- "$@" "$folder"
    fi
done
# A module or plugin of a role is a program of its own, not part of a package.
exec mypy "$@" roles/*/library/*.py roles/*/lookup_plugins/*.py roles/*/action_plugins/*.py roles/*/callback_plugins/*.py roles/*/filter_plugins/*.py
