"""What was accepted, what happened, what was decided: one module per table."""
