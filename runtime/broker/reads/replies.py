"""Replies of a pipeline, whatever type the keys have."""

from typing import Any

from redis.exceptions import ResponseError


def execute(pipe: Any) -> list[Any]:
    """A pipeline's replies; None where a key holds another type than the one asked for.

    One such key, whoever wrote it, must not hide all the others.
    """
    replies = pipe.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, Exception) and not is_wrong_type(reply):
            raise reply
    return [None if isinstance(reply, Exception) else reply for reply in replies]


def is_wrong_type(error: Exception) -> bool:
    """Whether Redis said that a key holds another type than the command is for."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)
