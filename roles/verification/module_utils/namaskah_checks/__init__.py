"""Does a release answer as it should? Checks over HTTP, WebSocket and static files, and the proof of running code."""
