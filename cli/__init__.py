"""The `telewright` command."""
