"""Which deployment a key prefix belongs to: a stamp below it names the first one that used it.

All keys of a deployment, RQ's and ours, lie below one prefix, and below it lies nothing of another
deployment. By default the prefix is made of the deployment's own names, and holds by construction;
where ``RQ_KEY_PREFIX`` names one, two deployments might name the same, and the second is refused.
Writers set the stamp with their first call; readers only compare.
"""

from runtime.broker.decode import text_of
from runtime.broker.keys import Keys
from runtime.errors import PrefixTakenError
from runtime.sanitize.text import safe


def deployment_name(queue_prefix: str, application: str) -> str:
    """The stamp of a deployment. Neither part can hold a space."""
    return f"{queue_prefix} {application}"


def compare(keys: Keys, stamp: bytes | None, deployment: str) -> None:
    """Refuse to use keys that are stamped by another deployment.

    Raises:
        PrefixTakenError: they are.
    """
    if not deployment or stamp is None or stamp == deployment.encode():
        return
    owner = safe(text_of(stamp), 200)
    raise PrefixTakenError(
        f"RQ_KEY_PREFIX: the keys below '{keys.prefix}' belong to {_words(owner)}, this is "
        f"{_words(deployment)}; set another RQ_KEY_PREFIX, or none for a prefix of its own"
    )


def _words(deployment: str) -> str:
    queue_prefix, _, application = deployment.partition(" ")
    return f"QUEUE_PREFIX={queue_prefix} with ATLAS_APPLICATION={application}"
