"""An independent observer of hosts: pytest-testinfra as a child, and what its report says."""
