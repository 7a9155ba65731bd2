"""The same in dramatiq 2. Recurring jobs and killable handlers are not part of it.

Its scheduler is a package of its own (here APScheduler, a process beside the workers), a time-out
interrupts a thread between two bytecodes, and a payload's types are not checked.
"""

import logging
import os

import dramatiq
from apscheduler.schedulers.blocking import BlockingScheduler
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage, Middleware
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

URL = os.environ["REDIS_URL"]


class LogContext(Middleware):
    """Says which message a line comes from."""

    def before_process_message(self, broker: object, message: dramatiq.Message[object]) -> None:
        """Before each attempt."""
        logging.info("message %s %s", message.message_id, message.actor_name)


broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
broker.add_middleware(CurrentMessage())
broker.add_middleware(LogContext())
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="mail", max_retries=4, min_backoff=100, store_results=True)
def welcome(address: str) -> str:
    """Fails once, then works."""
    if CurrentMessage.get_current_message().options.get("retries", 0) < 1:
        raise ConnectionError("the mail server is busy")
    return f"welcomed {address}"


@dramatiq.actor(queue_name="reports", time_limit=300_000, store_results=True)
def count_words(text: str) -> int:
    """Runs in a thread of the worker."""
    return len(text.split())


@dramatiq.actor
def clean_up(days: int = 30) -> None:
    """Sent by the scheduler below, which must run exactly once."""


if __name__ == "__main__":
    scheduler = BlockingScheduler()
    scheduler.add_job(clean_up.send, "interval", minutes=10)
    scheduler.start()
