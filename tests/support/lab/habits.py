"""What has somebody done with a host before we came? Habits of hosts "as found", written on the disk before it boots.

None of them is a fault: each is described in the documentation of the program that reads it, and people live with it.
"""

from pathlib import Path

ZONE = "Asia/Kolkata"
LOCALE = "de_DE.UTF-8"  # asked for and never generated
GREETING = "Welcome. This host is looked after by hand."

_TEXTS = {
    # The resolver fails at once, and the host's own name stands nowhere (host_files.py leaves it out of /etc/hosts).
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n",
    # What a shell of a person or of ssh reads first: it prints, and keeps new files to their owner.
    "etc/skel/.bashrc": f"echo '{GREETING}'\necho 'do not edit on weekends' >&2\numask 077\n",
    "etc/skel/.profile": f"echo '{GREETING}'\n. ~/.bashrc\n",
    "etc/profile.d/greeting.sh": f"echo '{GREETING}'\n",
    "etc/sudoers.d/00-lecture": "Defaults lecture = always\nDefaults umask = 0077\n",
    "etc/default/locale": f"LANG={LOCALE}\nLC_ALL={LOCALE}\n",
    "etc/environment": f"LANG={LOCALE}\nLC_ALL={LOCALE}\n",
    "etc/timezone": f"{ZONE}\n",
    # Nothing in the folder for temporary files can be run. It is mounted before the host's own systemd begins.
    "etc/systemd/system/noexec.service": "[Service]\nType=oneshot\nExecStart=/bin/mount -o remount,noexec /tmp\n",
    # Another application was here, and its front still is.
    "etc/nginx/conf.d/old.conf": "map $http_upgrade $old_upgrade { default upgrade; '' close; }\n"
    "upstream web { server 127.0.0.1:9; }\nlimit_req_zone $binary_remote_addr zone=old:1m rate=5r/s;\n",
    "etc/nginx/sites-available/old": "server {\n    listen 8081;\n    server_name old.example www.old.example;\n"
    "    location / { proxy_pass http://web; }\n}\n",
}
_LINKS = {
    "etc/localtime": f"/usr/share/zoneinfo/{ZONE}",
    "etc/systemd/system/multi-user.target.wants/noexec.service": "/etc/systemd/system/noexec.service",
    "etc/nginx/sites-enabled/old": "/etc/nginx/sites-available/old",
}


def write_habits(root: Path) -> None:
    """Give the disk at `root` the habits of a host as found."""
    for name, text in _TEXTS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o440 if "sudoers" in name else 0o644)
    for name, target in _LINKS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
