"""How long do services take in the lab's tests, and how long are a run's promises good?"""

from __future__ import annotations

# How services behave in a test: connections are drained for five seconds.
QUICK = {
    "listen": "none",
    "ports": {},
    "overlap": False,
    "health": {},
    "boot_timeout": 60,
    "stop_timeout": 30,
    "drain": 5,
}
# What dies late is a case of test_outcomes.py, which waits longer for it; here each release would wait for nothing.
SETTLE = 3
# An unconfirmed switch returns after 75 seconds, a lease expires after 30; and what is promised by default. A release
# beside other suites on two busy cores has been seen to need 40 from its switch to its confirmation.
SHORT = {
    "namaskah_confirm_timeout": 75,
    "namaskah_wave_seconds": 5,
    "namaskah_host_seconds": 0,
    "namaskah_lease_ttl": 30,
}
USUAL = {
    "namaskah_confirm_timeout": 180,
    "namaskah_wave_seconds": 60,
    "namaskah_host_seconds": 5,
    "namaskah_lease_ttl": 900,
}
