import threading
from datetime import UTC, datetime, timedelta

import pytest

from service.schedule import BadSchedule, Schedule


def test_the_next_run_is_within_the_schedule() -> None:
    schedule = Schedule("*/5 * * * *", lambda: None)
    schedule.start()
    try:
        next_run = datetime.fromisoformat(schedule.next_run() or "")
    finally:
        schedule.stop()

    assert next_run - datetime.now(UTC) <= timedelta(minutes=5)
    assert next_run.minute % 5 == 0


@pytest.mark.parametrize("expression", ["", "now", "* * * *", "61 * * * *", "* * * * * *"])
def test_a_bad_schedule_is_refused_by_name(expression: str) -> None:
    with pytest.raises(BadSchedule, match="SCHEDULE"):
        Schedule(expression, lambda: None)


def test_a_run_that_succeeds_is_reported() -> None:
    schedule = Schedule("0 0 1 1 *", lambda: None)

    schedule.run_now()

    assert schedule.status()["last_run"]["ok"] is True


def test_a_run_that_fails_is_reported_and_does_not_end_the_schedule() -> None:
    def fail() -> None:
        raise RuntimeError("no milk")

    schedule = Schedule("0 0 1 1 *", fail)
    schedule.start()
    try:
        schedule.run_now()
        status = schedule.status()
    finally:
        schedule.stop()

    assert status["status"] == "ok"
    assert status["last_run"]["error"] == "RuntimeError: no milk"
    assert status["next_run"] is not None


def test_two_runs_never_overlap() -> None:
    inside = threading.Semaphore(1)
    overlaps = []

    def job() -> None:
        if not inside.acquire(blocking=False):
            overlaps.append(True)
            return
        inside.release()

    schedule = Schedule("0 0 1 1 *", job)
    threads = [threading.Thread(target=schedule.run_now) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not overlaps
