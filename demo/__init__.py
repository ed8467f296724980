"""Shows a release, a broken one and a rollback on one machine: no root, no server, the same roles and playbooks.

Two "hosts" are two folders with a process supervisor each; `python -m demo` (`make demo`) tells the whole story.
"""
