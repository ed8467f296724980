#!/bin/sh
# Installs what the lab of real hosts and the tests with servers need from Debian; does nothing where all of it is there.
# Without root it only says what is missing: the lab's tests are then left out, and the summary says so.
set -eu
missing=
for pair in systemd-nspawn:systemd-container mmdebstrap:mmdebstrap ip:iproute2 zstd:zstd nft:nftables ssh:openssh-client \
    git:git rsync:rsync openssl:openssl npm:npm; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
# The samples' and the backup's tests start servers of their own from these binaries.
find /usr/lib/postgresql /usr/local/bin /usr/bin -maxdepth 3 -name postgres 2>/dev/null | grep -q . ||
    missing="$missing postgresql"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The lab of real hosts needs root and these Debian packages, which are not here:$missing" >&2
    exit 0
fi
echo "installing Debian packages:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # one word a package
apt-get install -qq -y --no-install-recommends $missing >/dev/null
