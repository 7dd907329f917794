"""The orchestrator: one graph from what a person wants to a service that answers.

Nothing is imported here: who only hands in `work` need not wait for LangGraph.
"""
