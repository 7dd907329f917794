import json
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from service import health
from service.schedule import Schedule


@pytest.fixture
def schedule() -> Schedule:
    return Schedule("*/5 * * * *", lambda: None)


def test_a_running_schedule_tells_its_last_and_next_run(schedule: Schedule) -> None:
    with health.serve(schedule, 0) as port:
        schedule.start()
        try:
            schedule.run_now()
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                status = json.load(answer)
        finally:
            schedule.stop()

    assert status["status"] == "ok"
    assert status["last_run"]["ok"] is True
    assert status["next_run"]


def test_a_schedule_that_does_not_run_is_not_healthy(schedule: Schedule) -> None:
    with health.serve(schedule, 0) as port, pytest.raises(HTTPError) as error:
        urlopen(f"http://127.0.0.1:{port}/health", timeout=5)

    assert error.value.code == 503


def test_there_is_nothing_else(schedule: Schedule) -> None:
    with health.serve(schedule, 0) as port, pytest.raises(HTTPError) as error:
        urlopen(f"http://127.0.0.1:{port}/", timeout=5)

    assert error.value.code == 404
