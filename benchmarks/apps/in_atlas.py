"""The tutorial's application in Atlas: retries, a killable handler, a recurring job, log fields."""

from datetime import timedelta

from runtime import Application, JobContext, LogContext, RetryPolicy

app = Application(middleware=(LogContext(),))


@app.job(queue="mail", retry=RetryPolicy(attempts=5, base_s=0.1))
async def welcome(context: JobContext, address: str) -> str:
    """Fails once, then works."""
    if context.attempt < 2:
        raise ConnectionError("the mail server is busy")
    return f"welcomed {address}"


@app.job(queue="reports", isolated=True, timeout=timedelta(minutes=5))
def count_words(text: str) -> int:
    """Runs in a process that can be killed."""
    return len(text.split())


@app.job(every=timedelta(minutes=10))
def clean_up(days: int = 30) -> None:
    """Recurs by itself; any worker may enqueue it."""
