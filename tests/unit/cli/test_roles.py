"""`telewright up` runs the roles that the settings ask for, and no others."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.up import _roles
from shared.errors import BadSetting
from shared.settings import Settings


def _settings(home: Path, **given: SecretStr) -> Settings:
    return Settings(telewright_home=home, _env_file=None, **given)  # type: ignore[arg-type]


def test_the_api_runs_where_github_is_connected_and_its_webhooks_are_wanted(tmp_path: Path) -> None:
    token, secret = SecretStr(secrets.token_hex(20)), SecretStr(secrets.token_hex(16))

    assert "api" in _roles(_settings(tmp_path, github_token=token, github_webhook_secret=secret))
    assert "api" not in _roles(_settings(tmp_path, github_token=token))
    assert "api" not in _roles(_settings(tmp_path, github_webhook_secret=secret))


def test_a_webhook_secret_that_can_be_guessed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", "short")

    with pytest.raises(BadSetting, match="GITHUB_WEBHOOK_SECRET should have 16 characters or more"):
        Settings.load(tmp_path / ".env")
