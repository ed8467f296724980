"""Registers the lab's fixtures for its own tests."""

from tests.lab.fixtures import fresh_lab, lab, lab_machine, make_lab

__all__ = ["fresh_lab", "lab", "lab_machine", "make_lab"]
