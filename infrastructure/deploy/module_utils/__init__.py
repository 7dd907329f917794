"""What the modules share. Ansible ships it to the server, so it needs nothing but Python."""
