"""From `telewright up` to its word that it is ready: on a new home, and on one that was used.

python -m benchmarks.start
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop


async def main() -> None:
    """Start three times, print how long each took."""
    with TemporaryDirectory(prefix="telewright-benchmark-") as directory:
        for which in ("first start on a new home", "second start", "third start"):
            print(f"{which:36} {await _start(Path(directory)):5.1f} s")


async def _start(home: Path) -> float:
    environment = {**os.environ, "TELEWRIGHT_HOME": str(home)}
    started = time.perf_counter()
    up = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "up", env=environment, stdout=-1, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        line = await asyncio.wait_for(up.stdout.readline(), 60) if up.stdout else b""
        took = time.perf_counter() - started
        if b"ready" not in line:
            raise RuntimeError(f"not ready: {line!r}")
        return took
    finally:
        up.send_signal(signal.SIGTERM)
        await up.wait()


if __name__ == "__main__":
    uvloop.run(main())
