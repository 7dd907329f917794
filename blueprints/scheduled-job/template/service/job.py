"""The work itself: an example, to be replaced by yours."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path


def run(data_dir: Path) -> None:
    """Write down that the job ran, and how often it has.

    An error that is raised here is reported by /health and in the log; the
    schedule goes on.
    """
    file = data_dir / "runs.json"
    count = json.loads(file.read_text(encoding="utf-8"))["count"] if file.is_file() else 0
    content = {"count": count + 1, "last": datetime.now(UTC).isoformat(timespec="seconds")}
    # Written beside it and renamed, so that a crash leaves the old one whole.
    new = data_dir / "runs.json.new"
    new.write_text(json.dumps(content), encoding="utf-8")
    os.replace(new, file)
