"""What the controller asks a git remote, and how: refs, commits, tags."""
