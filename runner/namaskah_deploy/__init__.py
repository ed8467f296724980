"""Releases a Python web application to owned hosts: what the operator's command does around the playbooks."""

__version__ = "0.1.0"
