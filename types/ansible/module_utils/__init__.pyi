# Beside `basic`, what our roles add: links to their packages, so that mypy sees them under the name Ansible gives them.
