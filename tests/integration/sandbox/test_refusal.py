"""Where isolation is impossible, nothing runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.sandbox import check
from infrastructure.sandbox.isolation import bubblewrap

ATTEMPT = """
import asyncio, sys
from pathlib import Path
from infrastructure.sandbox import BubblewrapSandbox, SandboxUnavailable

async def main(workspace):
    try:
        await BubblewrapSandbox().run(["touch", "/workspace/ran"], workspace=workspace)
    except SandboxUnavailable as error:
        print(error.code, error.message, error.advice, sep="\\n")

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_machine_that_can_isolate_says_how() -> None:
    assert "bwrap" in await check()


@pytest.mark.parametrize(
    "user", [[], ["--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]]
)
def test_without_user_namespaces_nothing_is_run_and_the_refusal_says_what_to_do(
    tmp_path: Path, user: list[str]
) -> None:
    """Bubblewrap's own switch makes a place where no user namespace can be made."""
    forbidding = [str(bubblewrap()), "--dev-bind", "/", "/", "--unshare-user", "--disable-userns", *user]
    result = subprocess.run(
        [*forbidding, "--", sys.executable, "-c", ATTEMPT, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    code, message, advice = result.stdout.splitlines()
    assert code == "sandbox_unavailable", result.stderr
    assert message.startswith("This machine cannot isolate generated code, so none is run")
    assert "user namespaces" in advice
    assert not (tmp_path / "ran").exists()
    assert not list(tmp_path.iterdir())
