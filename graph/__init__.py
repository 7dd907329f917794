"""The durable engine, the orchestrator, and the conversation."""
