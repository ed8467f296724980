"""Tests of the command line, each file named after the module that it is about."""
