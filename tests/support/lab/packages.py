"""Which Debian packages a host of the lab has, and which of their units run."""

# What any host has that an operator can log in to and Ansible can work on.
BARE = ["systemd", "systemd-sysv", "dbus", "libpam-systemd", "procps", "iproute2", "ca-certificates"]
BARE += ["openssh-server", "sudo", "python3", "python3-apt"]
# What makes it a host for Python web applications.
FULL = [*BARE, "acl", "curl", "git", "rsync", "zstd", "python3-venv", "postgresql", "nginx-light", "haproxy", "nodejs"]
FULL += ["pgbackrest"]  # archives the log of a database host, where an inventory names a stanza
# Installed, but off until a host's part starts them (a Debian package starts its service by default).
DORMANT = ["postgresql.service", "nginx.service", "haproxy.service"]
# Timers that would look for work in the middle of a test.
UNWANTED = ["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"]
