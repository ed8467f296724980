"""What gunicorn reads by itself from the folder it starts in; everything else comes from its command line."""

# Its control socket has one fixed path per user: two instances side by side would take it from each other.
control_socket_disable = True
