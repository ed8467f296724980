"""What the roles know about a host: its layout, records, instances, processes and its switch."""
