"""What the agents have: tools, each bound to the one project that its agent works on.

Nothing is imported here: who starts no agent need not wait for LangChain's tools.
"""
