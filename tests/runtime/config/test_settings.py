"""Settings: what is read, what wins, what is refused and in which words, what is never shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, SecretStr, ValidationError

from processors.settings import CrmSettings
from runtime.config.settings import Settings, load_settings
from runtime.config.sources import SettingsGroup, Variable, reference
from runtime.config.validators import matching
from runtime.errors import SettingsError

Make = Callable[..., Settings]


def problems(make: Make, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        make(**variables)
    return refused.value.problems


def test_defaults_need_no_variable(make_settings: Make):
    settings = make_settings(ATLAS_ENV="")
    assert settings.environment == "development"
    assert settings.queue_prefix == "dev"
    assert settings.application == "processors"
    assert settings.redis.effective_url().get_secret_value() == "redis://localhost:6379/0"
    assert settings.redis.key_prefix == "rq"
    assert (settings.worker.concurrency, settings.worker.lease_s) == (50, 30.0)
    assert settings.worker.max_payload_bytes == 1024 * 1024


def test_every_variable_reaches_its_field(make_settings: Make):
    settings = make_settings(
        NODE_ENV="production", ATLAS_ENV="", QUEUE_PREFIX="blue", REDIS_HOST="redis.internal",
        REDIS_PORT="6380", REDIS_USERNAME="svc", REDIS_PASSWORD="p@ss/w:rd", REDIS_DB="3",
        REDIS_TLS="true", RQ_KEY_PREFIX="{atlas}:rq", LOG_LEVEL="WARNING",
        DEBUG="express:*,queue:*", LOG_FORMAT="json", ATLAS_APPLICATION="crm.jobs",
        ATLAS_ALLOWED_FUNCTIONS="reports., crm.legacy.*,crm.tasks.nightly",
        ATLAS_PROCESSES="3", ATLAS_CONCURRENCY="7", ATLAS_LEASE_S="12.5", ATLAS_RENEW_S="2.5",
        ATLAS_SHUTDOWN_S="0", ATLAS_MAX_STALLED="0", ATLAS_MAX_JOBS="1000",
        ATLAS_MAX_MEMORY_MB="512", ATLAS_MAX_PAYLOAD_BYTES="2048",
    )  # fmt: skip
    assert settings.environment == "production"
    assert settings.queue_prefix == "blue"
    assert (
        settings.redis.effective_url().get_secret_value()
        == "rediss://svc:p%40ss%2Fw%3Ard@redis.internal:6380/3"
    )
    assert settings.redis.encrypted
    assert settings.redis.key_prefix == "{atlas}:rq"
    assert (settings.log.level, settings.log.debug, settings.log.format) == (
        "warning", True, "json",
    )  # fmt: skip
    assert settings.application == "crm.jobs"
    assert settings.allowed_functions == ("reports", "crm.legacy", "crm.tasks.nightly")
    worker = settings.worker
    assert (worker.processes, worker.concurrency, worker.lease_s, worker.renew_s) == (
        3, 7, 12.5, 2.5,
    )  # fmt: skip
    assert (worker.shutdown_s, worker.max_stalled, worker.max_jobs) == (0.0, 0, 1000)
    assert (worker.max_memory_mb, worker.max_payload_bytes) == (512, 2048)


@pytest.mark.parametrize("node_env", ["", "production", "Production ", "staging"])
def test_atlas_env_wins_over_node_env_and_production_has_its_own_prefix(
    make_settings: Make, node_env: str
):
    settings = make_settings(ATLAS_ENV="production", NODE_ENV=node_env)
    assert (settings.environment, settings.queue_prefix) == ("production", "prod")
    assert make_settings(ATLAS_ENV="", NODE_ENV="test").environment == "test"
    assert make_settings(ATLAS_ENV="test", NODE_ENV="development").environment == "test"


@pytest.mark.parametrize(
    ("ours", "other"),
    [("development", "production"), ("test", "PRODUCTION "), ("production", "development"),
     ("Production", "test")],
)  # fmt: skip
def test_two_variables_that_disagree_on_production_are_refused(
    make_settings: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: str, other: str
):
    line = (
        f"ATLAS_ENV: {ours.lower()!r} disagrees with NODE_ENV={other.strip().lower()}: "
        "make them agree or unset one; allowed: development, test or production"
    )
    told = problems(make_settings, ATLAS_ENV=ours, NODE_ENV=other)
    assert [text.lower() for text in told] == [line.lower()]
    (tmp_path / "env").write_text(f"NODE_ENV={other}\n")
    monkeypatch.setenv("ATLAS_ENV", ours)
    with pytest.raises(SettingsError, match="disagrees with NODE_ENV"):
        load_settings(env_file=tmp_path / "env")


@pytest.mark.parametrize(
    "url",
    ["redis://h", "redis://:pw@h:6379/2", "rediss://u:p@h:6380/0?ssl_cert_reqs=required",
     "unix:///run/redis.sock", "unix:///run/redis.sock?db=4", "redis://[::1]:6379/0"],
)  # fmt: skip
def test_redis_url_wins_as_it_is(make_settings: Make, url: str):
    settings = make_settings(REDIS_URL=url, REDIS_HOST="elsewhere", REDIS_TLS="true")
    assert settings.redis.effective_url().get_secret_value() == url
    assert settings.redis.encrypted == url.startswith("rediss://")


def test_an_ipv6_host_is_put_in_brackets(make_settings: Make):
    url = make_settings(REDIS_HOST="fd00::7").redis.effective_url()
    assert url.get_secret_value() == "redis://[fd00::7]:6379/0"


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        (
            "ATLAS_ENV",
            "staging",
            "ATLAS_ENV: 'staging' is not a known value; allowed: development, test or production",
        ),
        ("REDIS_PORT", "x", "REDIS_PORT: 'x' is not a whole number; allowed: 1 to 65535"),
        ("REDIS_PORT", "0", "REDIS_PORT: '0' is out of range; allowed: 1 to 65535"),
        ("REDIS_DB", "-1", "REDIS_DB: '-1' is out of range; allowed: 0 to 65535"),
        (
            "REDIS_TLS",
            "maybe",
            "REDIS_TLS: 'maybe' is neither true nor false; allowed: true or false",
        ),
        (
            "REDIS_HOST",
            "a b",
            "REDIS_HOST: 'a b' is not a host name; allowed: a host name or address",
        ),
        (
            "RQ_KEY_PREFIX",
            "a*b",
            (
                "RQ_KEY_PREFIX: 'a*b' holds a character that RQ does not allow; "
                "allowed: letters, digits and _ . : - { }"
            ),
        ),
        (
            "QUEUE_PREFIX",
            "a:b",
            (
                "QUEUE_PREFIX: 'a:b' is too long or holds another character; "
                "allowed: 1 to 32 letters, digits, _ and -"
            ),
        ),
        (
            "LOG_LEVEL",
            "loud",
            (
                "LOG_LEVEL: 'loud' is not a known value; "
                "allowed: debug, info, warning, error or critical"
            ),
        ),
        (
            "ATLAS_LEASE_S",
            "nan",
            "ATLAS_LEASE_S: 'nan' is out of range; allowed: 0.2 to 3600 seconds",
        ),
        (
            "ATLAS_RENEW_S",
            "30",
            (
                "ATLAS_RENEW_S: '30' is not less than ATLAS_LEASE_S (30); "
                "allowed: 0.05 to 3600 seconds, less than ATLAS_LEASE_S"
            ),
        ),
        ("ATLAS_PROCESSES", "0", "ATLAS_PROCESSES: '0' is out of range; allowed: 1 to 256"),
        (
            "ATLAS_CONCURRENCY",
            "1.5",
            "ATLAS_CONCURRENCY: '1.5' is not a whole number; allowed: 1 to 1000",
        ),
        (
            "ATLAS_APPLICATION",
            "../x",
            ("ATLAS_APPLICATION: '../x' is not a dotted name; allowed: a dotted module name"),
        ),
        (
            "ATLAS_ALLOWED_FUNCTIONS",
            "a,os..path",
            (
                "ATLAS_ALLOWED_FUNCTIONS: 'a,os..path' has a part "
                "that is not a dotted name: 'os..path'; allowed: dotted names, separated by commas"
            ),
        ),
        (
            "REDIS_URL",
            "http://u:hunter2@h",
            (
                "REDIS_URL: does not start with an allowed scheme; "
                "allowed: redis://, rediss:// (TLS) or unix:// URL"
            ),
        ),
        (
            "REDIS_URL",
            "redis://u:hunter2@h:port/0",
            (
                "REDIS_URL: the port is not a number from 1 to "
                "65535; allowed: redis://, rediss:// (TLS) or unix:// URL"
            ),
        ),
        (
            "REDIS_URL",
            "redis://u:hunter2@",
            ("REDIS_URL: names no host; allowed: redis://, rediss:// (TLS) or unix:// URL"),
        ),
        (
            "REDIS_URL",
            "redis://:hunter2@h/zero",
            (
                "REDIS_URL: the database is not a number; "
                "allowed: redis://, rediss:// (TLS) or unix:// URL"
            ),
        ),
        (
            "REDIS_URL",
            "redis://u:hunter2@[h",
            ("REDIS_URL: is not a URL; allowed: redis://, rediss:// (TLS) or unix:// URL"),
        ),
        (
            "REDIS_URL",
            "unix://",
            ("REDIS_URL: names no socket; allowed: redis://, rediss:// (TLS) or unix:// URL"),
        ),
    ],
)
def test_a_wrong_value_is_told_in_one_line(
    make_settings: Make, variable: str, value: str, line: str
):
    found = problems(make_settings, **{variable: value})
    assert found == [line]
    assert "hunter2" not in found[0]


def test_all_problems_are_told_at_once(make_settings: Make):
    found = problems(
        make_settings,
        ATLAS_ENV="", NODE_ENV="live", REDIS_PORT="x", REDIS_URL="ftp://h",
        ATLAS_RENEW_S="99", LOG_LEVEL="loud",
    )  # fmt: skip
    assert [line.split(":")[0] for line in found] == [
        "ATLAS_RENEW_S", "LOG_LEVEL", "NODE_ENV", "REDIS_PORT", "REDIS_URL",
    ]  # fmt: skip


def test_an_empty_variable_counts_as_not_set(make_settings: Make):
    settings = make_settings(REDIS_PASSWORD="", REDIS_PORT=" ", REDIS_URL="")
    assert settings.redis.password is None
    assert settings.redis.port == 6379


@pytest.mark.parametrize(
    ("value", "debug"),
    [("queue:*", True), ("queue:worker", True), ("*", True), ("express:*, queue:*", True),
     ("express:*", False), ("", False), ("queued", False), ("0", False)],
)  # fmt: skip
def test_debug_is_shared_with_other_programs(make_settings: Make, value: str, debug: bool):
    assert make_settings(DEBUG=value).log.debug is debug


def test_the_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    env_file = tmp_path / ".env"
    env_file.write_text(
        "# comment\nREDIS_PORT=7000\nREDIS_PASSWORD='with # and spaces'\nexport REDIS_DB=5\n"
        "UNRELATED=1\n"
    )
    monkeypatch.setenv("REDIS_DB", "6")
    redis = load_settings(env_file=env_file).redis
    assert redis.port == 7000
    assert redis.password == SecretStr("with # and spaces")
    assert redis.db == 6
    monkeypatch.chdir(tmp_path)
    assert load_settings().redis.port == 7000


def test_a_problem_in_the_env_file_names_the_variable_that_stands_there(tmp_path: Path):
    env_file = tmp_path / ".env"
    env_file.write_text("NODE_ENV=live\n")
    with pytest.raises(SettingsError, match=r"^NODE_ENV: 'live' is not a known value"):
        load_settings(env_file=env_file)


def test_settings_are_frozen(make_settings: Make):
    settings = make_settings()
    with pytest.raises(ValidationError):
        settings.environment = "production"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.redis.port = 1  # type: ignore[misc]


def test_no_secret_is_ever_shown(make_settings: Make):
    settings = make_settings(
        REDIS_URL="rediss://svc:hunter2@redis.internal:6379/0?ssl_password=hunter2",
        REDIS_PASSWORD="hunter2",
    )
    lines = settings.describe()
    shown = {line.variable: line.value for line in lines}
    assert shown["REDIS_URL"] == "rediss://***@redis.internal:6379/0?ssl_password=***"
    assert shown["REDIS_PASSWORD"] == "(set, hidden)"
    for text in (repr(settings), str(settings), str(lines), settings.model_dump_json()):
        assert "hunter2" not in text


def test_every_setting_is_documented():
    reference = Settings.reference()
    names = [line.variable for line in reference]
    assert len(names) == len(set(names))
    assert all(line.documentation and line.allowed and line.default for line in reference)
    assert "REDIS_URL" in names
    # The documentation must not depend on whose machine makes it.
    assert not any(str(Path.home()) in line.default for line in reference)


class Shop(SettingsGroup):
    """A second application's own settings."""

    currency: Annotated[
        str, matching("[A-Z]{3}", "is not three capitals"), Variable("SHOP_CURRENCY", "such as EUR")
    ] = Field("GBP", description="What prices are in.")
    key: Annotated[SecretStr | None, Variable("SHOP_KEY", "any text")] = Field(
        None, description="Of the payment provider."
    )


def test_an_application_reads_its_own_settings_from_the_same_variables(make_settings: Make):
    settings = make_settings(SHOP_CURRENCY="EUR\n", SHOP_KEY=" ")
    assert settings.of(Shop) == Shop(currency="EUR")
    # Also from a copy, as the worker's options make one.
    assert settings.model_copy(update={"queue_prefix": "x"}).of(Shop).currency == "EUR"
    with pytest.raises(SettingsError, match=r"^SHOP_CURRENCY: 'eur' is not three capitals; "):
        make_settings(SHOP_CURRENCY="eur").of(Shop)


def test_an_applications_settings_are_described_after_the_engines(make_settings: Make):
    settings = make_settings(SHOP_KEY="hunter2")
    assert settings.describe(Shop)[-2:] == [
        ("SHOP_CURRENCY", "GBP", "What prices are in."),
        ("SHOP_KEY", "(set, hidden)", "Of the payment provider."),
    ]
    assert [line.variable for line in Settings.reference(Shop)[-2:]] == [
        "SHOP_CURRENCY", "SHOP_KEY",
    ]  # fmt: skip
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_problems_of_the_engine_and_of_the_application_are_told_together(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[str] = []

    def groups_of(name: str) -> list[type[SettingsGroup]]:
        asked.append(name)
        return [Shop]

    for name, value in {
        "SHOP_CURRENCY": "euro", "REDIS_PORT": "x", "ATLAS_APPLICATION": "shop.jobs\n",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings(env_file=None, groups_of=groups_of)
    assert [line.split(":")[0] for line in refused.value.problems] == [
        "REDIS_PORT", "SHOP_CURRENCY",
    ]  # fmt: skip
    assert asked == ["shop.jobs"]
    # A name that is none is not looked for.
    monkeypatch.setenv("ATLAS_APPLICATION", "no name")
    with pytest.raises(SettingsError, match="ATLAS_APPLICATION"):
        load_settings(env_file=None, groups_of=groups_of)
    assert asked == ["shop.jobs"]


def test_the_example_of_an_applications_settings_works(monkeypatch: pytest.MonkeyPatch):
    page = (Path(__file__).parents[3] / "docs" / "adding-a-setting.md").read_text()
    example = page.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(example, "shop", "exec"), names)
    unserved = names["app"].unserved
    assert unserved(load_settings(env_file=None)) == {}
    monkeypatch.setenv("SHOP_CURRENCY", "EUR")
    assert list(unserved(load_settings(env_file=None))) == ["invoices"]
    monkeypatch.setenv("SHOP_CURRENCY", "EURO")
    with pytest.raises(SettingsError, match=r"^SHOP_CURRENCY: 'EURO' is too long; allowed: three"):
        unserved(load_settings(env_file=None))


def test_the_engine_has_no_setting_of_the_crm():
    known = {line.variable for line in Settings.reference()} - {"QUEUE_PREFIX", "RQ_KEY_PREFIX"}
    assert {name.partition("_")[0] for name in known} == {"ATLAS", "REDIS", "LOG", "DEBUG"}
    assert not {line.variable for line in reference(CrmSettings)} & known
