"""The orchestrator: one graph from what a person wants to a service that answers."""
