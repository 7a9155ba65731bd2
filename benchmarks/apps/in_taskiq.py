"""The same in taskiq, with taskiq-redis. Killable handlers are not part of it.

Recurring jobs need `taskiq scheduler`, a process beside the workers that must run exactly once.
"""

import logging
import os
from typing import Annotated

from taskiq import (
    Context,
    SmartRetryMiddleware,
    TaskiqDepends,
    TaskiqMessage,
    TaskiqMiddleware,
    TaskiqScheduler,
)
from taskiq.schedule_sources import LabelScheduleSource
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

URL = os.environ["REDIS_URL"]


class LogContext(TaskiqMiddleware):
    """Says which task a line comes from."""

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Before each attempt."""
        logging.info("task %s %s", message.task_id, message.task_name)
        return message


broker = (
    RedisStreamBroker(URL)
    .with_result_backend(RedisAsyncResultBackend(URL))
    .with_middlewares(LogContext(), SmartRetryMiddleware(default_delay=0.1, use_jitter=True))
)
scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])


@broker.task(retry_on_error=True, max_retries=5)
async def welcome(address: str, context: Annotated[Context, TaskiqDepends()]) -> str:
    """Fails once, then works."""
    if int(context.message.labels.get("_retries", 0)) < 1:
        raise ConnectionError("the mail server is busy")
    return f"welcomed {address}"


@broker.task(timeout=300)
def count_words(text: str) -> int:
    """Runs in a thread of the worker."""
    return len(text.split())


@broker.task(schedule=[{"cron": "*/10 * * * *"}])
def clean_up(days: int = 30) -> None:
    """Sent by the scheduler's process."""
