"""The same for a user without rights: everything above, as somebody else than root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.sandbox.isolation import bubblewrap

HERE = Path(__file__).parent


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
@pytest.mark.parametrize(
    "files",
    # Two halves that take as long: each starts an interpreter with everything that tests import.
    [["test_limits.py"], ["test_isolation.py", "test_lifetime.py", "test_service.py"]],
    ids=["limits", "all else"],
)
def test_it_holds_for_an_ordinary_user_too(files: list[str], tmp_path: Path) -> None:
    """Bubblewrap gives us a user namespace in which we are nobody in particular and have no rights."""
    becoming = [str(bubblewrap()), "--dev-bind", "/", "/", "--unshare-user", "--uid", "1000", "--gid", "1000"]
    suite = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(str(HERE / file) for file in files),
    ]

    result = subprocess.run(
        [*becoming, "--cap-drop", "ALL", "--", *suite, f"--basetemp={tmp_path / 'inner'}"],
        cwd=HERE.parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )

    assert result.returncode == 0, result.stdout
