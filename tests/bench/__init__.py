"""Measurements: what does the tool itself cost? Run by `make bench`, never by `make test`."""
