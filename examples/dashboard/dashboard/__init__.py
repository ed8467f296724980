"""The project: settings, entry point, routes, and who this process is."""

VERSION = "1.0.0"
