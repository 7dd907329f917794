"""How a server is laid out, and how its service manager and its proxy are spoken to."""
