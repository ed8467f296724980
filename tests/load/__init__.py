"""Does the load checker find every kind of misbehaviour, and nothing on a good site? Against a real server."""
