"""Calls a handler outside a worker's event loop: in a child process, or for a stock RQ worker."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Any

from pydantic import BaseModel

from runtime.application import Application
from runtime.client import AtlasClient
from runtime.config.settings import Settings
from runtime.context import JobContext
from runtime.worker.attempt.handlers import Handler


def run_handler(
    handler: Handler,
    payload: BaseModel,
    context: Callable[[AtlasClient, Any], JobContext],
    *,
    application: Application,
    settings: Settings,
) -> Any:
    """The handler's value; a client and the application's resources are open while it runs.

    Args:
        handler: what to call; an ``async def`` gets an event loop of its own.
        payload: validated.
        context: makes the context from the client and the resources.
        application: opened for this call.
        settings: of the deployment.

    Raises:
        Exception: whatever the handler raises.
    """
    with (
        closing(AtlasClient.from_settings(settings)) as client,
        application.open(settings) as resources,
    ):
        told = context(client, resources)
        if handler.is_async:
            return asyncio.run(handler.function(told, payload))
        return handler.function(told, payload)
