"""What is written for supervisord, and shown of what it kept."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from infrastructure.deploy.module_utils.telewright import instances, logs, ports, supervisor
from infrastructure.deploy.module_utils.telewright.failure import Refused
from infrastructure.deploy.module_utils.telewright.instances import ENVIRONMENT_FILE, Launch
from infrastructure.deploy.module_utils.telewright.places import ProjectPlace, Server


@pytest.fixture
def place(tmp_path: Path) -> ProjectPlace:
    place = Server(root=tmp_path, sockets=tmp_path).project("hello")
    place.create()
    return place


def launch(*secrets: str, **environment: str) -> Launch:
    processes = {"web": ["/bin/web", "--port={port}", ENVIRONMENT_FILE], "worker": ["/bin/worker"]}
    return Launch(["/bin/launch"], processes, "web", environment, 10, list(secrets))


def test_a_value_that_would_be_read_as_a_comment_is_refused() -> None:
    for value in ("a ;b", "a #b", "a\nb"):
        with pytest.raises(ValueError, match="cannot be"):
            supervisor.section("x", {"command": value})
    assert supervisor.section("x", {"command": "50%"}) == "[x]\ncommand=50%%\n"


def test_only_the_process_that_answers_gets_the_port_and_all_get_the_environment(place: ProjectPlace) -> None:
    instances.prepare(place, "1-a", port=20007, launch=launch(TOKEN="t"))

    directory = place.instances / "1-a"
    web, worker = directory / "web.environment.json", directory / "worker.environment.json"
    assert '"PORT": "20007"' in web.read_text()
    assert "PORT" not in worker.read_text()
    assert '"TOKEN": "t"' in worker.read_text()
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}
    assert "TOKEN" not in (directory / "program.conf").read_text()
    processes = (directory / "processes.json").read_text()
    assert "--port=20007" in processes
    assert str(web) in processes


def test_an_instance_is_the_same_while_commands_and_environment_are(place: ProjectPlace) -> None:
    instances.prepare(place, "1-a", port=20007, launch=launch(TOKEN="t"))

    assert instances.is_same(place, "1-a", port=20007, launch=launch(TOKEN="t"))
    assert not instances.is_same(place, "1-a", port=20007, launch=launch(TOKEN="u"))
    assert not instances.is_same(place, "2-b", port=20007, launch=launch(TOKEN="t"))
    assert not instances.is_same(place, "1-a", port=20007, launch=launch("TOKEN", TOKEN="t"))


def test_the_end_of_a_log_is_safe_to_show(place: ProjectPlace) -> None:
    instances.prepare(place, "1-a", port=20007, launch=launch())
    (place.logs / "1-a.web.log").write_bytes(
        b"old\n" * 1000 + b"\x1b[31mred\x00\n" + b"x" * 5000 + b"\n\xff\n"
    )

    lines = logs.tail(place, "1-a", lines=3).splitlines()

    assert lines[0] == " [31mred "
    assert lines[1] == "x" * logs.LONGEST_LINE
    assert len(lines) == 3
    assert logs.tail(place, "none", lines=3) == ""


@pytest.mark.parametrize("before", [0, 490, 3990, 4001])
@pytest.mark.parametrize("blank", ["", "\t", "\x85", "\u2028"])
def test_a_secret_in_a_log_is_hidden_as_a_whole_wherever_it_stands(
    place: ProjectPlace, before: int, blank: str
) -> None:
    secret = secrets.token_hex(20) + blank + secrets.token_hex(20)
    instances.prepare(place, "1-a", port=20007, launch=launch("TOKEN", TOKEN=secret, COLOUR="blue"))
    (place.logs / "1-a.web.log").write_text(f"{'x' * before}{secret} is blue\n")

    shown = logs.tail(place, "1-a", lines=5)

    assert shown == f"{'x' * before}*** is blue"[: logs.LONGEST_LINE]


def test_a_line_that_begins_before_what_is_read_is_left_out(place: ProjectPlace) -> None:
    secret = secrets.token_hex(40)
    instances.prepare(place, "1-a", port=20007, launch=launch("TOKEN", TOKEN=secret))
    log = place.logs / "1-a.web.log"
    for length in range(logs.READ_BYTES - 60, logs.READ_BYTES, 20):
        log.write_text(f"early\n{secret} {'x' * (length - 10)}\nlast\n")
        assert logs.tail(place, "1-a", lines=5).splitlines()[-1] == "last"
        assert not _pieces(secret) & _pieces(logs.tail(place, "1-a", lines=5))

    log.write_text(secret * (logs.READ_BYTES // 40))
    assert logs.tail(place, "1-a", lines=5) == "(a line of more than 256 KiB)"


def test_a_line_that_was_parted_when_the_log_was_turned_over_is_whole(place: ProjectPlace) -> None:
    secret = secrets.token_hex(20)
    instances.prepare(place, "1-a", port=20007, launch=launch("TOKEN", TOKEN=secret))
    (place.logs / "1-a.web.log.1").write_text(f"before\nkey={secret[:11]}")
    (place.logs / "1-a.web.log").write_text(f"{secret[11:]}!\nafter\n")

    assert logs.tail(place, "1-a", lines=3) == "before\nkey=***!\nafter"


def test_a_log_whose_secrets_are_not_known_any_more_is_not_shown(place: ProjectPlace) -> None:
    (place.logs / "1-a.web.log").write_text("left behind\n")
    assert logs.tail(place, "1-a", lines=3) == ""


def _pieces(text: str) -> set[str]:
    """Return whatever one would know a secret by: every six characters that follow each other."""
    return {text[at : at + 6] for at in range(len(text) - 5) if text[at : at + 6].isalnum()} - {"xxxxxx"}


def test_when_no_port_is_left_that_is_said() -> None:
    with pytest.raises(Refused, match="no port from 8100 to 8101 is free"):
        ports.lowest_free(8100, 8101, taken={8100, 8101})
