"""Everything a person can set, read once when a process starts.

`Settings` is made by a process's entry point and handed to the parts that need
it. An empty variable counts as unset, in the environment as in `.env`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from dotenv import dotenv_values
from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from shared.errors import BadSetting

DOTENV = Path(".env")
"""Read from the working directory; the environment wins over it."""

TELEGRAM_API = "https://api.telegram.org"
GITHUB_API = "https://api.github.com"

ROLE_VARIABLE = re.compile(r"MODEL_([A-Z][A-Z0-9_]*)")
BOT_TOKEN = re.compile(r"\d+:[\w-]+")
TELEGRAM_ID = re.compile(r"-?[1-9]\d{0,16}", re.ASCII)
PORTS = re.compile(r"(\d{1,5})-(\d{1,5})", re.ASCII)
ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})", re.ASCII)
MODEL_NAME = re.compile(r"[a-z][a-z0-9_]*:\S+")


class LogFormat(StrEnum):
    """How log lines are written."""

    CONSOLE = "console"
    JSON = "json"


class AddressCheck(StrEnum):
    """How a webhook request's address is compared with Telegram's address ranges."""

    OFF = "off"
    """Not at all: its secret tells that it comes from Telegram."""
    PEER = "peer"
    """The connection comes from Telegram itself."""
    FORWARDED = "forwarded"
    """It comes from our own proxy, which writes the address to the end of X-Forwarded-For."""


class Settings(BaseSettings):
    """What a person has set; DESIGN.md section 5 has the table."""

    model_config = SettingsConfigDict(env_file=DOTENV, extra="ignore", frozen=True, hide_input_in_errors=True)

    telewright_home: Path = Field(
        default_factory=lambda: user_data_path("telewright"),
        description="Embedded databases, workspaces, local server, keys",
    )
    database_url: SecretStr | None = Field(None, description="PostgreSQL 15 or newer; unset: embedded")
    redis_url: SecretStr | None = Field(None, description="Redis 7 or newer, or Valkey; unset: embedded")
    worker_concurrency: int = Field(20, ge=1, le=200, description="Runs that one worker drives at once")
    service_ports: Annotated[tuple[int, int], NoDecode] = Field(
        (8100, 8999), description="First and last port for services, FIRST-LAST; an installation's own"
    )

    telegram_bot_token: SecretStr | None = Field(None, description="From @BotFather; unset: no bot")
    allowed_user_ids: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Telegram user ids, comma-separated; the first is the owner; then also groups' ids"
    )
    telegram_api_url: str = Field(TELEGRAM_API, description="Another Bot API server")
    telegram_webhook_url: str | None = Field(None, description="Public URL; unset: long polling")
    telegram_webhook_listen: Annotated[tuple[str, int], NoDecode] = Field(
        ("127.0.0.1", 8081), description="ADDRESS:PORT where the webhook's requests come in"
    )
    telegram_webhook_check_address: AddressCheck = Field(
        AddressCheck.OFF, description="Take webhook requests from Telegram's addresses only: peer, forwarded"
    )

    github_token: SecretStr | None = Field(None, description="Unset, and no app: local bare repositories")
    github_app_id: int | None = Field(None, ge=1, description="A GitHub App instead of a token")
    github_app_private_key: SecretStr | None = Field(None, description="The app's key, PEM")
    github_owner: str | None = Field(None, description="User or organisation that owns new repositories")
    github_api_url: str = Field(GITHUB_API, description="GitHub Enterprise")
    github_webhook_secret: SecretStr | None = Field(
        None, description="What GitHub signs its webhooks with; unset: it is asked every minute instead"
    )

    model: str | None = Field(None, description="provider:model; unset: blueprints only")
    role_models: dict[str, str] = Field(
        default_factory=dict, validation_alias="MODEL_<ROLE>", description="Another model for one role"
    )
    openai_base_url: str | None = Field(None, description="A server that speaks OpenAI's protocol")
    openai_api_key: SecretStr | None = Field(None, description="Its key")

    api_host: str = Field("127.0.0.1", description="Address the API listens on")
    api_port: int = Field(8080, ge=0, le=65535, description="Port the API listens on")

    metrics_address: Annotated[tuple[str, int] | None, NoDecode] = Field(
        None, description="ADDRESS:PORT where /metrics is read, for Prometheus; unset: not served"
    )
    dashboard_url: str | None = Field(
        None, description="A Grafana dashboard, as people's browsers reach it; unset: results lead to none"
    )

    retention_days: int = Field(
        90, ge=1, description="Days that events, files and what came and went are kept"
    )
    retention_checkpoint_days: int = Field(7, ge=1, description="Days that ended runs keep their checkpoints")
    retention_runs: int = Field(
        5000, ge=0, description="The most ended runs that keep events and checkpoints; the oldest go first"
    )
    retention_messages: int = Field(
        100_000, ge=0, description="The most messages of which is kept how they came in; two days' always are"
    )
    retention_releases: int = Field(
        20, ge=1, description="The most releases of a project whose archives a machine keeps"
    )

    log_format: LogFormat | None = Field(None, description="console or json; unset: console on a terminal")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="DEBUG, INFO, WARNING, ERROR or CRITICAL"
    )

    @classmethod
    def load(cls, dotenv: Path | None = DOTENV) -> Self:
        """Read the environment and the dotenv file.

        Args:
            dotenv: The file to read; `None` reads the environment alone.

        Raises:
            BadSetting: With one line for each variable that cannot be used.
        """
        try:
            return cls(_env_file=dotenv)
        except ValidationError as refused:
            lines = [_line(error) for error in refused.errors(include_input=False, include_url=False)]
        except (OSError, UnicodeDecodeError) as unreadable:
            lines = [f"{dotenv} cannot be read: {unreadable}"]
        raise BadSetting("\n".join(lines)) from None

    @property
    def home(self) -> Path:
        """The directory for everything that belongs to this installation; it may not exist yet."""
        return self.telewright_home

    def make_home(self) -> Path:
        """Make the home's directory, for its owner alone, and return it; one that is there stays as it is.

        Raises:
            BadSetting: It cannot be made.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise BadSetting(
                f"TELEWRIGHT_HOME: {self.home} cannot be made: {error.strerror}",
                advice="Set it to a directory that this user may write to.",
            ) from error
        return self.home

    def model_for(self, role: str) -> str | None:
        """Return `provider:model` for a role: MODEL_<ROLE>, else MODEL, else nothing."""
        return self.role_models.get(role.lower(), self.model)

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value that is set, so that logs can leave them out."""
        values = [getattr(self, name) for name in type(self).model_fields]
        secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        passwords = [urlsplit(secret).password for secret in secrets if "://" in secret]
        return tuple(secrets + [form for each in passwords if each for form in {each, unquote(each)}])

    @property
    def github_configured(self) -> bool:
        """Whether repositories go to GitHub rather than to local bare ones."""
        return self.github_token is not None or self.github_app_id is not None

    @property
    def github_webhook_configured(self) -> bool:
        """Whether GitHub's webhooks are to be heard."""
        return self.github_configured and self.github_webhook_secret is not None

    @property
    def telegram_configured(self) -> bool:
        """Whether the bot may start: it has a token, and somebody to obey."""
        return self.telegram_bot_token is not None and bool(self.allowed_user_ids)

    @property
    def allowed_groups(self) -> tuple[int, ...]:
        """The groups that are let in, by Telegram's ids."""
        return tuple(one for one in self.allowed_user_ids if one < 0)

    def require_bot(self) -> str:
        """Return the bot's token, where there is also somebody whom the bot obeys.

        Raises:
            BadSetting: The bot cannot start without what is missing.
        """
        if self.telegram_bot_token is None:
            raise BadSetting(
                "TELEGRAM_BOT_TOKEN should be set: there is no bot without it",
                advice="Get a token from @BotFather, put it into .env, and start again.",
            )
        if not self.allowed_user_ids:
            raise BadSetting(
                "ALLOWED_USER_IDS should be set: it names nobody whom the bot may obey",
                advice="Put your Telegram user id into .env; @userinfobot tells it. Then start again.",
            )
        return self.telegram_bot_token.get_secret_value()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the variables whose names are not known beforehand: MODEL_<ROLE>."""
        return init_settings, _RoleModels(settings_cls, dotenv_settings), env_settings, dotenv_settings

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if not _blank(value)}

    @field_validator("telewright_home")
    @classmethod
    def _home(cls, home: Path) -> Path:
        home = home.expanduser().absolute()
        _require(not home.exists() or home.is_dir(), f"is no directory: {home}")
        return home

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            _require_url(url.get_secret_value(), ("postgresql", "postgres"), "postgresql://user@host/name")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            _require_url(url.get_secret_value(), ("redis", "rediss", "unix", "valkey"), "redis://host:6379/0")
        return url

    @field_validator("service_ports", mode="before")
    @classmethod
    def _ports(cls, ports: object) -> object:
        if not isinstance(ports, str):
            return ports
        matches = PORTS.fullmatch(ports.strip())
        first, last = (int(port) for port in matches.groups()) if matches else (0, 0)
        _require(1024 <= first <= last < 20_000, "should be FIRST-LAST, ports from 1024 to 19999")
        return first, last

    @field_validator("telegram_api_url", "telegram_webhook_url", "github_api_url", "openai_base_url")
    @classmethod
    def _web_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        _require_url(url, ("https", "http"), "https://host/path")
        return url.rstrip("/")

    @field_validator("telegram_bot_token")
    @classmethod
    def _bot_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None:
            matches = BOT_TOKEN.fullmatch(token.get_secret_value())
            _require(matches, "should be a token as @BotFather gives it, digits:letters")
        return token

    @field_validator("allowed_user_ids", mode="before")
    @classmethod
    def _user_ids(cls, ids: object) -> object:
        if not isinstance(ids, str):
            return ids
        parts = [part.strip() for part in ids.split(",") if part.strip()]
        for number, part in enumerate(parts, start=1):
            _require(
                TELEGRAM_ID.fullmatch(part) and abs(int(part)) < 2**53,
                "should be Telegram user ids, with commas between them, and may go on with groups' ids, "
                f"which begin with -; entry {number} is none",
            )
        parsed = tuple(dict.fromkeys(int(part) for part in parts))
        _require(
            not parsed or parsed[0] > 0,
            "should be Telegram user ids, the owner's first: entry 1 is a group's",
        )
        return parsed

    @field_validator("telegram_webhook_listen", mode="before")
    @classmethod
    def _listen(cls, address: object) -> object:
        return _address(address, "127.0.0.1:8081")

    @field_validator("metrics_address", mode="before")
    @classmethod
    def _metrics(cls, address: object) -> object:
        return _address(address, "127.0.0.1:9464")

    @field_validator("dashboard_url")
    @classmethod
    def _dashboard(cls, url: str | None) -> str | None:
        if url is None:
            return None
        example = "https://grafana.example.com/d/abc/telewright"
        _require_url(url, ("https", "http"), example)
        parts = urlsplit(url)
        _require(parts.hostname and _has_good_port(parts), f"should be a URL like {example}")
        # It is shown in every chat.
        _require("@" not in parts.netloc, "should have no user or password in it: everybody reads it")
        return url

    @field_validator("github_app_private_key")
    @classmethod
    def _private_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None:
            return None
        # Many shells and panels only take one line, so `\n` is what people write there.
        pem = key.get_secret_value().replace("\\n", "\n")
        _require("PRIVATE KEY-----" in pem, "should be a private key in PEM, with its BEGIN and END lines")
        return SecretStr(pem)

    @field_validator("github_webhook_secret")
    @classmethod
    def _webhook_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        # Whoever guesses it can have us ask GitHub as often as they like.
        _require(
            secret is None or len(secret.get_secret_value()) >= 16,
            "should have 16 characters or more, as `openssl rand -hex 32` makes them",
        )
        return secret

    @field_validator("model")
    @classmethod
    def _model(cls, model: str | None) -> str | None:
        _require(model is None or MODEL_NAME.fullmatch(model), "should be provider:model")
        return model

    @field_validator("role_models")
    @classmethod
    def _role_models(cls, models: dict[str, str]) -> dict[str, str]:
        for role, model in models.items():
            _require(MODEL_NAME.fullmatch(model), f"should be provider:model (MODEL_{role.upper()})")
        return models

    @field_validator("log_format", "log_level", "telegram_webhook_check_address", mode="before")
    @classmethod
    def _case(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return value.lower() if value.lower() in {*LogFormat, *AddressCheck} else value.upper()

    @model_validator(mode="after")
    def _github(self) -> Self:
        app = (self.github_app_id, self.github_app_private_key)
        _require(
            all(app) or not any(app), "GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY should be set both or neither"
        )
        _require(
            not (self.github_token and self.github_app_id),
            "GITHUB_TOKEN and GITHUB_APP_ID should not be set both: one identity is used",
        )
        _require(
            self.github_owner or not self.github_app_id, "GITHUB_OWNER should be set where GITHUB_APP_ID is"
        )
        return self


class _RoleModels(PydanticBaseSettingsSource):
    """Collects MODEL_<ROLE> from the environment and the dotenv file."""

    def __init__(self, settings_cls: type[BaseSettings], dotenv: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._dotenv = getattr(dotenv, "env_file", None)

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401
        raise NotImplementedError  # the whole mapping is made by __call__

    def __call__(self) -> dict[str, Any]:
        written: Mapping[str, str | None] = dotenv_values(self._dotenv) if self._dotenv else {}
        models = {
            name.removeprefix("MODEL_").lower(): value
            for name, value in {**written, **os.environ}.items()
            if ROLE_VARIABLE.fullmatch(name) and not _blank(value)
        }
        return {"MODEL_<ROLE>": models} if models else {}


def _line(error: ErrorDetails) -> str:
    """Say one validation error as `VARIABLE should ...`, without the value, which may be a secret."""
    message = error["msg"].removeprefix("Value error, ").replace("Input should", "should")
    return " ".join([*(str(part).upper() for part in error["loc"][:1]), message])


def _require(condition: object, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


def _address(address: object, example: str) -> object:
    if not isinstance(address, str):
        return address
    matches = ADDRESS.fullmatch(address.strip())
    host, port = (matches[1].strip("[]"), int(matches[2])) if matches else ("", 0)
    _require(host and 0 < port < 2**16, f"should be ADDRESS:PORT, as {example}")
    return host, port


def _require_url(url: str, schemes: tuple[str, ...], example: str) -> None:
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    _require(
        scheme in schemes and "://" in url and not re.search(r"\s", url), f"should be a URL like {example}"
    )


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()
