"""The engine: queues, jobs, workers, schedules, leases, metrics, reading and controlling.

What an application needs is imported from here; a name loads its module when it is first used, so
that a producer pays for a producer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from runtime.application import Application, CheckResult
    from runtime.async_client import AsyncAtlasClient
    from runtime.catalogue.catalogue import (
        Breaker,
        Catalogue,
        Kind,
        Priority,
        Provider,
        Queue,
        RateLimit,
    )
    from runtime.catalogue.recurring import Recurring
    from runtime.catalogue.retry import RetryPolicy, RetryRule
    from runtime.client import AtlasClient
    from runtime.config.settings import Settings, load_settings
    from runtime.config.sources import SettingsGroup, Variable
    from runtime.context import JobContext
    from runtime.errors import (
        AtlasError,
        BrokerError,
        BrokerUnavailableError,
        CatalogueError,
        InvalidJobError,
        InvalidPayloadError,
        JobCanceledError,
        JobFailedError,
        ResultTimeoutError,
        SettingsError,
        UnknownJobError,
        UnknownKindError,
        UnknownQueueError,
    )
    from runtime.jobs.function import JobFunction
    from runtime.jobs.new_job import (
        DEFAULT_ORG,
        Flow,
        FlowProgress,
        FlowRef,
        JobRef,
        NewJob,
        Unique,
    )
    from runtime.middleware import LogContext, Middleware, TraceContext
    from runtime.outcomes import Cancel, DeadLetter, Retry, Snooze
    from runtime.producing.outcome import JobStatus

__all__ = [
    "DEFAULT_ORG",
    "Application",
    "AsyncAtlasClient",
    "AtlasClient",
    "AtlasError",
    "Breaker",
    "BrokerError",
    "BrokerUnavailableError",
    "Cancel",
    "Catalogue",
    "CatalogueError",
    "CheckResult",
    "DeadLetter",
    "Flow",
    "FlowProgress",
    "FlowRef",
    "InvalidJobError",
    "InvalidPayloadError",
    "JobCanceledError",
    "JobContext",
    "JobFailedError",
    "JobFunction",
    "JobRef",
    "JobStatus",
    "Kind",
    "LogContext",
    "Middleware",
    "NewJob",
    "Priority",
    "Provider",
    "Queue",
    "RateLimit",
    "Recurring",
    "ResultTimeoutError",
    "Retry",
    "RetryPolicy",
    "RetryRule",
    "Settings",
    "SettingsError",
    "SettingsGroup",
    "Snooze",
    "TraceContext",
    "Unique",
    "UnknownJobError",
    "UnknownKindError",
    "UnknownQueueError",
    "Variable",
    "__version__",
    "load_settings",
]

_MODULES = {
    "Application": "runtime.application",
    "CheckResult": "runtime.application",
    "JobContext": "runtime.context",
    "AsyncAtlasClient": "runtime.async_client",
    "Breaker": "runtime.catalogue.catalogue",
    "Catalogue": "runtime.catalogue.catalogue",
    "Kind": "runtime.catalogue.catalogue",
    "Priority": "runtime.catalogue.catalogue",
    "Queue": "runtime.catalogue.catalogue",
    "RateLimit": "runtime.catalogue.catalogue",
    "Provider": "runtime.catalogue.catalogue",
    "AtlasClient": "runtime.client",
    "AtlasError": "runtime.errors",
    "BrokerError": "runtime.errors",
    "BrokerUnavailableError": "runtime.errors",
    "CatalogueError": "runtime.errors",
    "InvalidJobError": "runtime.errors",
    "InvalidPayloadError": "runtime.errors",
    "JobCanceledError": "runtime.errors",
    "JobFailedError": "runtime.errors",
    "ResultTimeoutError": "runtime.errors",
    "SettingsError": "runtime.errors",
    "UnknownJobError": "runtime.errors",
    "UnknownKindError": "runtime.errors",
    "UnknownQueueError": "runtime.errors",
    "JobFunction": "runtime.jobs.function",
    "JobStatus": "runtime.producing.outcome",
    "LogContext": "runtime.middleware",
    "Middleware": "runtime.middleware",
    "TraceContext": "runtime.middleware",
    "DEFAULT_ORG": "runtime.jobs.new_job",
    "Flow": "runtime.jobs.new_job",
    "FlowProgress": "runtime.jobs.new_job",
    "FlowRef": "runtime.jobs.new_job",
    "JobRef": "runtime.jobs.new_job",
    "NewJob": "runtime.jobs.new_job",
    "Unique": "runtime.jobs.new_job",
    "Cancel": "runtime.outcomes",
    "DeadLetter": "runtime.outcomes",
    "Retry": "runtime.outcomes",
    "Snooze": "runtime.outcomes",
    "Recurring": "runtime.catalogue.recurring",
    "RetryPolicy": "runtime.catalogue.retry",
    "RetryRule": "runtime.catalogue.retry",
    "Settings": "runtime.config.settings",
    "SettingsGroup": "runtime.config.sources",
    "Variable": "runtime.config.sources",
    "load_settings": "runtime.config.settings",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
