"""What ``atlas dead-letters requeue`` does: at once, or by a job of its own."""

from processors.database.engine import Database
from processors.dead_letters.reading import Choice
from processors.dead_letters.requeueing import Requeuer
from processors.recurring import SYSTEM_ORG
from runtime.application import load_application
from runtime.cli.shared.access import client, control
from runtime.cli.shared.options import read_settings
from runtime.control.plan import ActionResult
from runtime.jobs.new_job import Unique


def requeue_now(database: Database, choice: Choice, *, actor: str, reason: str) -> ActionResult:
    """Requeue what is open of a choice.

    Raises:
        DatabaseUnavailableError: the database did not answer.
        BrokerUnavailableError: Redis is away.
    """
    catalogue = load_application(read_settings().application).catalogue
    with control(actor) as controls, client() as producer:
        tally = Requeuer(database, catalogue, controls, producer, reason=reason).requeue(choice)
    return ActionResult(
        "requeue",
        choice.group or choice.queue or f"{tally.total} jobs",
        tally.done,
        tally.skipped,
        tally.words(),
        tuple(tally.problems),
    )


def hand_over(choice: Choice, count: int, *, actor: str, reason: str) -> ActionResult:
    """Enqueue the job that requeues them; one at a time for each choice.

    Raises:
        InvalidJobError: the actor or the reason is not allowed.
        BrokerUnavailableError: Redis is away.
    """
    payload = {
        "queue": choice.queue,
        "group": choice.group,
        "until": choice.until,
        "actor": actor,
        "reason": reason,
    }
    key = f"{choice.group or 'all'}:{choice.queue or 'all'}"
    with client() as producer:
        ref = producer.enqueue(
            "requeue_dead_letters", org=SYSTEM_ORG, payload=payload, unique=Unique(key)
        )
    state = "requeues" if ref.created else "is there already and requeues"
    message = f"job {ref.id} {state} {count:,} dead letters; see: atlas job {ref.id}"
    return ActionResult("requeue", ref.id, int(ref.created), int(not ref.created), message)
