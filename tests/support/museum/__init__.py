"""Can the tool of today work with hosts that an older one installed? Makes such hosts, keeps them, brings them back.

An exhibit is a whole fleet in one state, as files under tests/museum/<commit>. `make` lets the tool of a commit bring a
lab into these states and keeps them; `thaw` brings one to the hosts of a lab; tests/museum/README.md says why.
"""
