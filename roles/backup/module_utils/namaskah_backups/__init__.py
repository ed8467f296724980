"""What a backup is: checks, a dump in one snapshot, its fingerprint, archives, the proof, and the manifest."""
