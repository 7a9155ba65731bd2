"""The settings: one frozen nested object, from the environment and ``.env``, checked as a whole.

Every field names its variable and what is allowed in it; ``docs/settings.md`` and ``atlas check``
are made from the same lines. Secrets are `pydantic.SecretStr` and are never part of a message.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from runtime.config import validators as checks
from runtime.config.sources import (
    Group,
    Reference,
    SettingLine,
    SettingsGroup,
    Variable,
    Variables,
    lines,
    read_group,
    reference,
)
from runtime.errors import SettingsError

Port = Annotated[int, Field(ge=1, le=65_535)]
_SECONDS = "0.2 to 3600 seconds"


class RedisSettings(SettingsGroup):
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


class LogSettings(SettingsGroup):
    """What is logged, and how."""

    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], checks.Lower,
        Variable("LOG_LEVEL", "debug, info, warning, error or critical"),
    ] = Field("info", description="Least level that is logged.")  # fmt: skip
    debug: Annotated[
        bool, BeforeValidator(checks.asks_for_debug), Variable("DEBUG", "queue:* or any text")
    ] = Field(default=False, description="`queue:*` logs everything, whatever the level.")
    format: Annotated[
        Literal["auto", "text", "json"], checks.Lower, Variable("LOG_FORMAT", "auto, text or json")
    ] = Field("auto", description="`auto`: text in a terminal, JSON lines elsewhere.")


class WorkerSettings(SettingsGroup):
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


class Settings(SettingsGroup):
    """The engine's settings; see `load_settings`. Those of an application: `of`."""

    _variables: Variables = PrivateAttr(default_factory=dict)

    environment: Annotated[
        Literal["development", "test", "production"], checks.Lower,
        Variable("ATLAS_ENV", "development, test or production", alias="NODE_ENV"),
    ] = Field("development", description="Which deployment this is. It is refused "
              "when only one of it and `NODE_ENV` is `production`.")  # fmt: skip
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
    log: LogSettings = Field(default_factory=LogSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)

    @field_validator("environment")
    @classmethod
    def _one_deployment(cls, value: str, info: ValidationInfo) -> str:
        """Whether messages leave hangs on it: two variables must not say two things."""
        other = str((info.context or {}).get("NODE_ENV") or "").strip().lower()
        known = other in ("development", "test", "production")
        if known and (value == "production") is not (other == "production"):
            raise ValueError(f"disagrees with NODE_ENV={other}: make them agree or unset one")
        return value

    @field_validator("redis")
    @classmethod
    def _prefix_of_its_own(cls, value: RedisSettings, info: ValidationInfo) -> RedisSettings:
        """Without another word, a deployment's keys lie below its own names."""
        names = (info.data.get("queue_prefix"), info.data.get("application"))
        if value.key_prefix or None in names:
            return value
        return value.model_copy(update={"key_prefix": ":".join(("rq", *map(str, names)))})

    def model_post_init(self, context: Any, /) -> None:
        """Keep the variables, from which an application's settings are read too."""
        self._variables = context or {}

    def of(self, group: type[Group]) -> Group:
        """An application's own settings, from the same variables as these.

        Raises:
            SettingsError: something is wrong; every problem, one line each.
        """
        return read_group(group, self._variables)

    def describe(self, *groups: type[SettingsGroup]) -> list[SettingLine]:
        """Every variable with its value and documentation; secrets are hidden.

        Args:
            groups: the application's own settings, which come after the engine's.

        Raises:
            SettingsError: the application's own are wrong.
        """
        return [line for each in (self, *map(self.of, groups)) for line in lines(each)]

    @staticmethod
    def reference(*groups: type[SettingsGroup]) -> list[Reference]:
        """Every variable with its default, what is allowed, and documentation."""
        models: tuple[type[SettingsGroup], ...] = (Settings, *groups)
        return [line for model in models for line in reference(model)]


def read_variables(env_file: Path | None = Path(".env")) -> dict[str, str | None]:
    """All variables of the environment and of `env_file`, ours or not; the environment wins."""
    return {**(dotenv_values(env_file) if env_file else {}), **os.environ}


def load_settings(
    *,
    env_file: Path | None = Path(".env"),
    groups_of: Callable[[str], Iterable[type[SettingsGroup]]] = lambda _application: (),
) -> Settings:
    """The settings of the environment and of `env_file`; the environment wins.

    Args:
        env_file: None: the environment alone.
        groups_of: the settings of the application with that name, to be checked together with the
            engine's.

    Raises:
        SettingsError: something is wrong; it lists every problem, one line each.
    """
    try:
        values = read_variables(env_file)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise SettingsError([f"{env_file}: cannot be read: {why}"]) from None
    found: list[str] = []
    settings = Settings()
    try:
        settings = read_group(Settings, values)
    except SettingsError as error:
        found += error.problems
    name = (values.get("ATLAS_APPLICATION") or "").strip() or settings.application
    if not any(line.startswith("ATLAS_APPLICATION:") for line in found):
        for group in groups_of(name):
            try:
                read_group(group, values)
            except SettingsError as error:
                found += error.problems
    if found:
        raise SettingsError(sorted(found))
    return settings
