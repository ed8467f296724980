#!/bin/sh
# Installs what tests need from Debian besides the lab's own packages (the lab installs those itself): PostgreSQL's
# programs, without a server of the machine's own, and pgbouncer, which tests start themselves; what archives a server's
# log, and what copies backups elsewhere. Does nothing where they are there, and without root.
set -eu
missing=
set -- /usr/lib/postgresql/*/bin/initdb
[ -x "$1" ] || missing=" postgresql"
[ -x /usr/sbin/pgbouncer ] || missing="$missing pgbouncer"
[ -x /usr/bin/pgbackrest ] || missing="$missing pgbackrest"
for program in rclone age git-lfs; do # copies of backups: to a store that speaks S3, encrypted; large files of commits
    [ -x "/usr/bin/$program" ] || missing="$missing $program"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    exit 0 # tests that need a server then take the packaged one, or say that it is missing
fi
echo "installing Debian packages:$missing (without starting a server)" >&2
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends -o Dpkg::Options::=--force-confold $missing >/dev/null
