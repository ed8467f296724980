"""Every fault that the suites inject into something real: its kinds, its record, and the page made of the records."""
