import json
from pathlib import Path

from service import job


def test_each_run_is_counted(tmp_path: Path) -> None:
    job.run(tmp_path)
    job.run(tmp_path)

    assert json.loads((tmp_path / "runs.json").read_text())["count"] == 2
