"""Tests of namaskah-deploy; a package so that `python -m tests.support.lab` works from a clone."""
