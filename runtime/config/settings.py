"""The settings: one frozen nested object, from the environment and ``.env``, checked as a whole.

Every field names its variable and what is allowed in it; ``docs/settings.md`` and ``atlas check``
are made from the same lines. Secrets are `pydantic.SecretStr` and are never part of a message.
"""

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runtime.config import validators as checks
from runtime.config.sources import (
    FlatVariables,
    Reference,
    SettingLine,
    Variable,
    lines,
    problems,
    reference,
    unprintable,
)
from runtime.errors import SettingsError
from runtime.sanitize.countries import country_code

Lower = BeforeValidator(checks.lower)
Mailbox = Annotated[str, AfterValidator(checks.mailbox)]
Port = Annotated[int, Field(ge=1, le=65_535)]
_CHANNEL = "outbox or simulated"
_SECONDS = "0.2 to 3600 seconds"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RedisSettings(_Group):
    """Where Redis is, and below which prefix our keys are."""

    url: Annotated[
        SecretStr | None,
        Variable("REDIS_URL", "redis://, rediss:// (TLS) or unix:// URL"),
        checks.url(checks.redis_url),
    ] = Field(
        None,
        description="Whole address of Redis; wins over the parts below. TLS files are its "
        "parameters: `?ssl_ca_certs=ca.pem&ssl_certfile=…&ssl_keyfile=…`, also `ssl_ca_path`, "
        "`ssl_password`, `ssl_cert_reqs`, `ssl_check_hostname`; no others but `db`.",
    )
    host: Annotated[
        str, Variable("REDIS_HOST", "a host name or address"),
        checks.matching(r"[A-Za-z0-9._:%-]{1,253}", "is not a host name"),
    ] = Field("localhost", description="Host of Redis.")  # fmt: skip
    port: Annotated[Port, Variable("REDIS_PORT", "1 to 65535")] = Field(
        6379, description="Port of Redis."
    )
    username: Annotated[str, Variable("REDIS_USERNAME", "a Redis ACL user")] = Field(
        "", description="User, when Redis has users (ACL)."
    )
    password: Annotated[SecretStr | None, Variable("REDIS_PASSWORD", "any text")] = Field(
        None, description="Password of that user, or of Redis."
    )
    db: Annotated[int, Field(ge=0, le=65_535), Variable("REDIS_DB", "0 to 65535")] = Field(
        0, description="Database number."
    )
    tls: Annotated[bool, Variable("REDIS_TLS", "true or false")] = Field(
        default=False, description="Connect by TLS; the certificate is verified."
    )
    key_prefix: Annotated[
        str, Variable("RQ_KEY_PREFIX", "letters, digits and _ . : - { }",
                      default="`rq:QUEUE_PREFIX:ATLAS_APPLICATION`"),
        checks.matching(checks.PREFIX, "holds a character that RQ does not allow"),
    ] = Field("", description="Prefix of every key, of this deployment alone; `rq` serves plain RQ "
              "producers, a hash tag puts all into one cluster slot (`{atlas}:rq`).")  # fmt: skip

    def effective_url(self) -> SecretStr:
        """The URL to connect to: ``REDIS_URL``, or one made of the parts."""
        if self.url is not None:
            return self.url
        userinfo = quote(self.username, safe="")
        if self.password is not None:
            userinfo += f":{quote(self.password.get_secret_value(), safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "rediss" if self.tls else "redis"
        place = f"{userinfo}@{host}" if userinfo else host
        return SecretStr(f"{scheme}://{place}:{self.port}/{self.db}")

    @property
    def encrypted(self) -> bool:
        """True if the connection uses TLS."""
        return self.effective_url().get_secret_value().startswith("rediss://")


class DatabaseSettings(_Group):
    """Where the CRM's data are."""

    url: Annotated[
        SecretStr,
        Variable("DATABASE_URL", "sqlite:///path, or postgresql://user:password@host/name",
                 default="SQLite at `~/.local/state/atlas-queue/atlas.db`"),
        checks.url(checks.database_url),
    ] = Field(default_factory=checks.default_database,
              description="Database of organisations, leads, workflows and messages.")  # fmt: skip


class MessagingSettings(_Group):
    """Who sends, and how messages leave."""

    default_from_email: Annotated[
        Mailbox, Variable("DEFAULT_FROM_EMAIL", "an address, or Name <address>")
    ] = Field("Atlas <no-reply@localhost>", description="Sender of e-mail that names none.")
    admin_email: Annotated[
        Mailbox | None, Variable("ADMIN_EMAIL", "an address, or Name <address>")
    ] = Field(None, description="Who is told about trouble.")
    default_country: Annotated[
        str, AfterValidator(country_code),
        Variable("DEFAULT_COUNTRY", "two letters of ISO 3166-1, such as GB or DE"),
    ] = Field("GB", description="Country of organisations that name none: how their phone numbers "
              "are read.")  # fmt: skip
    smtp_url: Annotated[
        SecretStr | None,
        Variable("SMTP_URL", "smtp://user:password@host:587, or smtps:// for TLS from the start"),
        checks.url(checks.smtp_url),
    ] = Field(None, description="Mail server for `EMAIL_SENDER=smtp`.")
    email_sender: Annotated[
        Literal["outbox", "smtp", "simulated"], Lower,
        Variable("EMAIL_SENDER", "outbox, smtp or simulated"),
    ] = Field("outbox", description="How e-mail leaves: `outbox` stores it in the database, "
              "`simulated` adds a provider's faults to that.")  # fmt: skip
    sms_sender: Annotated[
        Literal["outbox", "simulated"], Lower, Variable("SMS_SENDER", _CHANNEL)
    ] = Field("outbox", description="How text messages leave.")
    whatsapp_sender: Annotated[
        Literal["outbox", "simulated"], Lower, Variable("WHATSAPP_SENDER", _CHANNEL)
    ] = Field("outbox", description="How WhatsApp messages leave.")

    @field_validator("email_sender")
    @classmethod
    def _smtp_needs_a_server(cls, value: str, info: ValidationInfo) -> str:
        if value == "smtp" and info.data.get("smtp_url", "wrong") is None:
            raise ValueError("needs SMTP_URL, which is not set")
        return value


class LogSettings(_Group):
    """What is logged, and how."""

    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], Lower,
        Variable("LOG_LEVEL", "debug, info, warning, error or critical"),
    ] = Field("info", description="Least level that is logged.")  # fmt: skip
    debug: Annotated[
        bool, BeforeValidator(checks.asks_for_debug), Variable("DEBUG", "queue:* or any text")
    ] = Field(default=False, description="`queue:*` logs everything, whatever the level.")
    format: Annotated[
        Literal["auto", "text", "json"], Lower, Variable("LOG_FORMAT", "auto, text or json")
    ] = Field("auto", description="`auto`: text in a terminal, JSON lines elsewhere.")


class WorkerSettings(_Group):
    """How the worker runs jobs."""

    processes: Annotated[int, Field(ge=1, le=256), Variable("ATLAS_PROCESSES", "1 to 256")] = Field(
        2, description="Worker processes."
    )
    concurrency: Annotated[
        int, Field(ge=1, le=1_000), Variable("ATLAS_CONCURRENCY", "1 to 1000")
    ] = Field(50, description="Jobs that one process runs at a time (slots).")
    lease_s: Annotated[float, Field(ge=0.2, le=3_600), Variable("ATLAS_LEASE_S", _SECONDS)] = Field(
        30.0, description="Seconds after which the jobs of a silent worker are given to another."
    )
    renew_s: Annotated[
        float,
        Field(ge=0.05, le=3_600),
        Variable("ATLAS_RENEW_S", "0.05 to 3600 seconds, less than ATLAS_LEASE_S"),
    ] = Field(10.0, description="Seconds between two renewals of a lease.")
    shutdown_s: Annotated[
        float, Field(ge=0, le=3_600), Variable("ATLAS_SHUTDOWN_S", "0 to 3600 seconds")
    ] = Field(30.0, description="Seconds that running jobs get to end after SIGTERM.")
    max_stalled: Annotated[int, Field(ge=0, le=100), Variable("ATLAS_MAX_STALLED", "0 to 100")] = (
        Field(2, description="How often a job may lose its worker before it runs alone (0: fails).")
    )
    max_jobs: Annotated[int, Field(ge=0), Variable("ATLAS_MAX_JOBS", "0 (never) or more")] = Field(
        0, description="Jobs after which a process is replaced; 0: never."
    )
    max_memory_mb: Annotated[
        int, Field(ge=0), Variable("ATLAS_MAX_MEMORY_MB", "0 (never) or more")
    ] = Field(0, description="Memory in MiB beyond which a process is replaced; 0: never.")
    child_jobs: Annotated[
        int, Field(ge=1, le=1_000_000), Variable("ATLAS_CHILD_JOBS", "1 to 1000000")
    ] = Field(100, description="Isolated and plain RQ jobs after which their child process is "
              "replaced; 1: each gets a fresh interpreter.")  # fmt: skip
    max_payload_bytes: Annotated[
        int, Field(ge=1_024, le=67_108_864),
        Variable("ATLAS_MAX_PAYLOAD_BYTES", "1024 to 67108864 (64 MiB)"),
    ] = Field(1_048_576, description="Bytes that the payload of one job may have.")  # fmt: skip

    @field_validator("renew_s")
    @classmethod
    def _renews_in_time(cls, value: float, info: ValidationInfo) -> float:
        lease_s = info.data.get("lease_s")
        if lease_s is not None and value >= lease_s:
            raise ValueError(f"is not less than ATLAS_LEASE_S ({lease_s:g})")
        return value


class Settings(BaseSettings):
    """All settings; see `load_settings`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_file=".env", hide_input_in_errors=True
    )

    environment: Annotated[
        Literal["development", "test", "production"], Lower,
        Variable("ATLAS_ENV", "development, test or production", alias="NODE_ENV"),
    ] = Field("development", description="Which deployment this is.")  # fmt: skip
    queue_prefix: Annotated[
        str, Variable("QUEUE_PREFIX", "1 to 32 letters, digits, _ and -",
                      default="`prod` in production, else `dev`"),
        checks.matching(r"[A-Za-z0-9_-]{1,32}", "is too long or holds another character"),
        AfterValidator(checks.no_word_of_rq),
    ] = Field(default_factory=checks.default_prefix,
              description="First part of every queue's name; with ATLAS_APPLICATION it names the "
              "deployment.")  # fmt: skip
    application: Annotated[
        str, Variable("ATLAS_APPLICATION", "a dotted module name"),
        checks.matching(f"(?a:{checks.DOTTED})", "is not a dotted name"),
    ] = Field("processors", description="Module that offers the queues and kinds.")  # fmt: skip
    allowed_functions: Annotated[
        tuple[str, ...], BeforeValidator(checks.split_prefixes),
        Variable("ATLAS_ALLOWED_FUNCTIONS", "dotted names, separated by commas"),
    ] = Field((), description="Modules or functions that plain RQ jobs may call.")  # fmt: skip
    redis: RedisSettings = Field(default_factory=RedisSettings, validate_default=True)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    messaging: MessagingSettings = Field(default_factory=MessagingSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)

    @field_validator("redis")
    @classmethod
    def _prefix_of_its_own(cls, value: RedisSettings, info: ValidationInfo) -> RedisSettings:
        """Without another word, a deployment's keys lie below its own names."""
        names = (info.data.get("queue_prefix"), info.data.get("application"))
        if value.key_prefix or None in names:
            return value
        return value.model_copy(update={"key_prefix": ":".join(("rq", *map(str, names)))})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - reads nested names; ours are flat
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not used
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Explicit values, then the environment, then ``.env``."""
        env_file = getattr(dotenv_settings, "env_file", None)
        return init_settings, FlatVariables(settings_cls, read_variables(env_file))

    def describe(self) -> list[SettingLine]:
        """Every variable with its value and documentation; secrets are hidden."""
        return list(lines(self))

    @staticmethod
    def reference() -> list[Reference]:
        """Every variable with its default, what is allowed, and documentation."""
        return list(reference(Settings))


def read_variables(env_file: Path | None = Path(".env")) -> dict[str, str | None]:
    """All variables of the environment and of `env_file`, ours or not; the environment wins."""
    return {**(dotenv_values(env_file) if env_file else {}), **os.environ}


def load_settings(*, env_file: Path | None = Path(".env")) -> Settings:
    """The settings of the environment and of `env_file`; the environment wins.

    Raises:
        SettingsError: something is wrong; it lists every problem, one line each.
    """
    try:
        values = read_variables(env_file)
        found = unprintable(Settings, values)
        settings = Settings(_env_file=env_file)
    except ValidationError as error:
        named = {line.partition(":")[0] for line in found}
        others = problems(Settings, error, values)
        found += [line for line in others if line.partition(":")[0] not in named]
    except checks.NoHomeError as error:
        found.append(f"DATABASE_URL: {error}; set it, or HOME, or XDG_STATE_HOME")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise SettingsError([f"{env_file}: cannot be read: {why}"]) from None
    if found:
        raise SettingsError(sorted(found))
    return settings
