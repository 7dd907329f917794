"""A deployment's playbook, told to people."""

from __future__ import annotations

from infrastructure.deploy.tasks import deployment_tasks


def test_a_deployment_is_told_task_by_task_in_its_order() -> None:
    tasks = deployment_tasks()

    assert tasks[0] == "Let the request in"
    assert tasks.index("Start the new instance") < tasks.index("Wait for its health check")
    assert tasks.index("Wait for its health check") < tasks.index("Remove the old instance")
    assert "Go back to what the record says (only if that fails)" in tasks
