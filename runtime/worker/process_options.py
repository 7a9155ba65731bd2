"""What the supervisor chooses for one worker process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """One process' name, slots and way to work. `queues` are logical names."""

    name: str
    queues: tuple[str, ...]
    concurrency: int
    burst: bool = False
    quiet: bool = False
