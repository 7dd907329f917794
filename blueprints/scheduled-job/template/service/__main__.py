"""Run the schedule: `python -m service`."""

import logging
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from service import health, job
from service.schedule import BadSchedule, Schedule

DEFAULT_SCHEDULE = "*/5 * * * *"


def main() -> None:
    """Run the job on its schedule until SIGTERM, then finish the run under way."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    data_dir = Path(os.environ.get("DATA_DIR", "data"))
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        schedule = Schedule(os.environ.get("SCHEDULE") or DEFAULT_SCHEDULE, partial(job.run, data_dir))
    except BadSchedule as error:
        sys.exit(str(error))

    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())

    with health.serve(schedule, int(os.environ.get("PORT", "8000"))):
        schedule.start()
        ending.wait()
        schedule.stop()


if __name__ == "__main__":
    main()
