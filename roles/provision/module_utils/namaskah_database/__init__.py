"""What is known about the database server, apart from Ansible."""
