# The private form of a packed module is asked for by name, for it may be gone some day.
