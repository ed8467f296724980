#!/bin/sh
# Turns a freshly installed Debian tree into the common part of all lab hosts.
# Arguments: the tree, a folder that keeps the packages it was made from, then the units that must not
# start by themselves.
set -eu
tree=$1
archive=$2
shift 2

mv "$tree"/var/cache/apt/archives/*.deb "$archive"

for unit in "$@"; do
    systemctl --root="$tree" --quiet disable "$unit" 2>/dev/null || test ! -e "$tree/lib/systemd/system/$unit"
done

# Each host gets its own keys and machine id when it is made.
rm -f "$tree"/etc/ssh/ssh_host_*
: >"$tree/etc/machine-id"
rm -f "$tree/etc/hostname" "$tree/etc/resolv.conf"
rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/* "$tree"/etc/apt/sources.list

# `ops` stands for the person who provisions: everything through sudo.
chroot "$tree" useradd --create-home --shell /bin/bash ops
printf 'ops ALL=(ALL:ALL) NOPASSWD: ALL\n' >"$tree/etc/sudoers.d/ops"
chmod 0440 "$tree/etc/sudoers.d/ops"

# A host without a way out: a name that is not in /etc/hosts fails at once instead of after 20 s
# (sudo and others look names up; with an empty file some libraries fail at import).
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"$tree/etc/resolv.conf"

# Logs outlive a reboot, so a test can read what happened before it.
mkdir -p "$tree/var/log/journal"
