"""Every error the engine raises: one root, families below it, the docstring is the message."""


class AtlasError(Exception):
    """Something went wrong in Atlas queue."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class SettingsError(AtlasError):
    """The configuration is not usable.

    Attributes:
        problems: one line a problem, ``VARIABLE: what is wrong, what is allowed``.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class CatalogueError(AtlasError):
    """The catalogue of queues and kinds contradicts itself."""


class InvalidJobError(AtlasError):
    """A job was refused at the producer; nothing was queued."""


class UnknownKindError(InvalidJobError):
    """No such kind of job."""


class InvalidPayloadError(InvalidJobError):
    """The payload does not fit the kind's model."""


class UnknownQueueError(AtlasError):
    """No such queue."""


class UnknownProviderError(AtlasError):
    """No such provider."""


class UnknownJobError(AtlasError):
    """No such job."""


class MigrationError(AtlasError):
    """The keys cannot be moved now."""


class JobFailedError(AtlasError):
    """The job failed for good, so that it has no result.

    Attributes:
        job_id: the job.
        error_class: name of the class of the last attempt's error.
        error: its message, in one line.
    """

    def __init__(self, job_id: str, error_class: str, error: str) -> None:
        super().__init__(f"job {job_id} failed: {': '.join(filter(None, (error_class, error)))}")
        self.job_id = job_id
        self.error_class = error_class
        self.error = error


class JobCanceledError(AtlasError):
    """The job was canceled, so that it has no result."""


class ResultTimeoutError(AtlasError, TimeoutError):
    """The job is not over yet, and still runs or waits."""


class BrokerError(AtlasError):
    """Redis refused a command or answered nonsense."""


class PrefixTakenError(BrokerError):
    """The Redis keys below this prefix belong to another deployment."""


class BrokerUnavailableError(BrokerError):
    """Redis cannot be reached or is not ready to serve."""


class BrokerPasswordError(BrokerUnavailableError):
    """Redis refuses the user or the password. A program that runs waits; one that starts ends."""


class OutsideUnavailableError(AtlasError):
    """Something outside that jobs need, such as a database, does not answer.

    An application derives its own from this one, and the engine tells of the outage: in events, on
    the overview, by ``atlas check`` and in the log.

    Attributes:
        outside: what is away, in a word or two.
    """

    outside = "a service"
