"""What a person may set, and what they are told when it cannot be used."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from dotenv import dotenv_values

from shared.errors import BadSetting
from shared.settings import LogFormat, Settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"


def load(monkeypatch: pytest.MonkeyPatch, _dotenv: Path | None = None, /, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load(_dotenv)


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(BadSetting) as refused:
        load(monkeypatch, None, **environment)
    return refused.value.message


def test_everything_may_be_left_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.home.name == "telewright"
    assert (settings.api_host, settings.api_port) == ("127.0.0.1", 8080)
    assert not settings.telegram_configured
    assert not settings.github_configured
    assert settings.model_for("coder") is None


def test_an_empty_variable_counts_as_unset_even_over_the_dotenv_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("REDIS_URL=redis://localhost\nAPI_PORT=\nMODEL=openai:large\n")
    settings = load(monkeypatch, dotenv, REDIS_URL="", MODEL=" ")
    assert settings.redis_url is None
    assert settings.model is None
    assert settings.api_port == 8080


def test_the_example_names_every_setting_and_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    named = set(dotenv_values(EXAMPLE))
    assert named == {name.upper() for name in Settings.model_fields if name != "role_models"}
    assert load(monkeypatch, EXAMPLE).database_url is None


def test_the_environment_wins_over_the_dotenv_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("API_PORT=1\nMODEL_CODER=a:file\nMODEL_PLANNER=a:file\n")
    settings = load(monkeypatch, dotenv, API_PORT="2", MODEL_CODER="a:environment")
    assert settings.api_port == 2
    assert settings.model_for("coder") == "a:environment"
    assert settings.model_for("planner") == "a:file"


def test_the_ports_of_services_are_a_range(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).service_ports == (8100, 8999)
    assert load(monkeypatch, SERVICE_PORTS=" 9000-9000").service_ports == (9000, 9000)


def test_a_role_without_a_model_of_its_own_takes_the_general_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, MODEL="openai:large", MODEL_CODER="ollama:small")
    assert settings.model_for("CODER") == "ollama:small"
    assert settings.model_for("planner") == "openai:large"


def test_the_first_allowed_user_stays_first_and_repetitions_go(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, ALLOWED_USER_IDS=" 30, 7,30 ,").allowed_user_ids == (30, 7)


def test_after_the_owner_groups_may_be_let_in_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, ALLOWED_USER_IDS="30,-1001234567890,7").allowed_user_ids == (
        30,
        -1001234567890,
        7,
    )


def test_the_owner_is_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, ALLOWED_USER_IDS="-1001234567890,30") == (
        "ALLOWED_USER_IDS should be Telegram user ids, the owner's first: entry 1 is a group's"
    )


@pytest.mark.parametrize("ids", ["bob", "1,--2", "1.5", "²", "0", "1 2", "1,-", "-0", "+1", "9" * 30])
def test_a_malformed_user_id_is_refused(monkeypatch: pytest.MonkeyPatch, ids: str) -> None:
    assert refusal(monkeypatch, ALLOWED_USER_IDS=ids).startswith(
        "ALLOWED_USER_IDS should be Telegram user ids"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEWRIGHT_HOME", "/dev/null"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("REDIS_URL", "localhost:6379"),
        ("WORKER_CONCURRENCY", "0"),
        ("SERVICE_PORTS", "8100"),
        ("SERVICE_PORTS", "9000-8000"),
        ("SERVICE_PORTS", "80-90"),
        ("SERVICE_PORTS", "19000-20000"),
        ("TELEGRAM_BOT_TOKEN", "not a token"),
        ("TELEGRAM_API_URL", "ftp://example.org"),
        ("TELEGRAM_WEBHOOK_URL", "example.org"),
        ("TELEGRAM_WEBHOOK_LISTEN", "8081"),
        ("TELEGRAM_WEBHOOK_LISTEN", "127.0.0.1:0"),
        ("TELEGRAM_WEBHOOK_LISTEN", "127.0.0.1:65536"),
        ("TELEGRAM_WEBHOOK_LISTEN", "http://127.0.0.1:8081"),
        ("TELEGRAM_WEBHOOK_CHECK_ADDRESS", "yes"),
        ("GITHUB_APP_ID", "x"),
        ("GITHUB_APP_PRIVATE_KEY", "x"),
        ("MODEL", "large"),
        ("API_PORT", "65536"),
        ("METRICS_ADDRESS", "9464"),
        ("METRICS_ADDRESS", "127.0.0.1:0"),
        ("DASHBOARD_URL", "grafana.example.com/d/abc"),
        ("DASHBOARD_URL", "ftp://grafana.example.com/d/abc"),
        ("DASHBOARD_URL", "https:///d/abc"),
        ("DASHBOARD_URL", "https://grafana.example.com:http/d/abc"),
        ("DASHBOARD_URL", "https://grafana.example.com/d/a bc"),
        ("DASHBOARD_URL", "https://[grafana/d/abc"),
        ("DASHBOARD_URL", "https://ann@grafana.example.com/d/abc"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "chatty"),
    ],
)
def test_one_bad_value_gives_one_line_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    [line] = refusal(monkeypatch, **{name: value}).splitlines()
    assert line.startswith(f"{name} ")


def test_a_dashboard_is_led_to_by_the_address_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "https://grafana.example.com/d/abc/?orgId=1#top"
    assert load(monkeypatch, DASHBOARD_URL=address).dashboard_url == address


def test_a_dashboards_password_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    password = secrets.token_hex(8)
    said = refusal(monkeypatch, DASHBOARD_URL=f"https://ann:{password}@grafana.example.com/d/abc")
    assert said == "DASHBOARD_URL should have no user or password in it: everybody reads it"


def test_the_bot_starts_with_a_token_and_somebody_to_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    token = f"7:{secrets.token_hex(16)}"
    assert load(monkeypatch, TELEGRAM_BOT_TOKEN=token, ALLOWED_USER_IDS="30").require_bot() == token


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"ALLOWED_USER_IDS": "30"}, "TELEGRAM_BOT_TOKEN"),
        ({"TELEGRAM_BOT_TOKEN": "7:x"}, "ALLOWED_USER_IDS"),
        ({"TELEGRAM_BOT_TOKEN": "7:x", "ALLOWED_USER_IDS": " , "}, "ALLOWED_USER_IDS"),
    ],
)
def test_the_bot_says_in_one_line_what_it_cannot_start_without(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], missing: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        load(monkeypatch, **variables).require_bot()
    [line] = refused.value.message.splitlines()
    assert line.startswith(f"{missing} should be set")


def test_the_webhook_listens_on_this_machine_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).telegram_webhook_listen == ("127.0.0.1", 8081)
    assert load(monkeypatch, TELEGRAM_WEBHOOK_LISTEN="[::1]:80").telegram_webhook_listen == ("::1", 80)
    assert load(monkeypatch, TELEGRAM_WEBHOOK_CHECK_ADDRESS="Peer").telegram_webhook_check_address == "peer"


def test_metrics_are_served_only_where_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).metrics_address is None
    assert load(monkeypatch, METRICS_ADDRESS="127.0.0.1:9464").metrics_address == ("127.0.0.1", 9464)


def test_a_bad_model_for_a_role_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "MODEL_CODER" in refusal(monkeypatch, MODEL_CODER="large")


def test_several_bad_values_give_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, API_PORT="x", LOG_LEVEL="chatty", DATABASE_URL="x").splitlines()
    assert [line.split()[0] for line in lines] == ["DATABASE_URL", "API_PORT", "LOG_LEVEL"]


@pytest.mark.parametrize(
    "name",
    [
        "DATABASE_URL",
        "REDIS_URL",
        "TELEGRAM_BOT_TOKEN",
        "GITHUB_APP_PRIVATE_KEY",
        "ALLOWED_USER_IDS",
        "MODEL",
    ],
)
def test_a_refused_value_is_never_echoed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    value = secrets.token_hex(16)
    assert value not in refusal(monkeypatch, **{name: value})


def test_half_a_github_app_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "both or neither" in refusal(monkeypatch, GITHUB_APP_ID="7")


def test_a_key_in_one_line_gets_its_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----"
    settings = load(monkeypatch, GITHUB_APP_ID="7", GITHUB_APP_PRIVATE_KEY=key, GITHUB_OWNER="me")
    assert settings.github_app_private_key is not None
    assert settings.github_app_private_key.get_secret_value().splitlines()[1] == "AAAA"
    assert settings.github_configured


def test_secrets_do_not_show_and_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    password, token = secrets.token_hex(8), secrets.token_hex(20)
    settings = load(monkeypatch, DATABASE_URL=f"postgresql://me:{password}@db/x", GITHUB_TOKEN=token)
    assert password not in repr(settings)
    assert token not in repr(settings)
    assert {password, token} <= set(settings.secrets())


def test_format_and_level_may_be_written_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, LOG_FORMAT="JSON", LOG_LEVEL="debug")
    assert (settings.log_format, settings.log_level) == (LogFormat.JSON, "DEBUG")


def test_a_home_that_cannot_be_made_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BadSetting, match=r"TELEWRIGHT_HOME: .*file/home cannot be made: Not a directory"):
        load(monkeypatch, None, TELEWRIGHT_HOME=str(tmp_path / "file" / "home")).make_home()
