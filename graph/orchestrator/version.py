"""Which version of the orchestrator this is, as `workflows.publish` takes it."""

WORKFLOW = "orchestrator"
VERSION = "1"
"""Grows when runs that stand at a checkpoint of the graph before could not go on with this one."""
ENTRYPOINT = "graph.orchestrator.graph:build_orchestrator"
"""Provided by the process, since it takes `Tools`; see `WorkflowRegistry`."""
