"""Effects on the outside world."""
