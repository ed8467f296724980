"""Tests of namaskah-deploy; a package so that `python -m tests.lab` works from a clone."""
