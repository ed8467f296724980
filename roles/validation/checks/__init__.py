"""Checks of hosts, shipped with the tool: an independent observer after each release (role validation)."""
