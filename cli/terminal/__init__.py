"""The terminal front: what is shown on it, and what is read from it."""
