"""Lets the dependents of a stock RQ job go once it ended, beside the loop: RQ's code blocks."""

import threading

import structlog

from runtime.settings import Settings

log = structlog.get_logger("atlas.worker")


def settle_in_background(settings: Settings, job_id: str) -> None:
    """Start it; what fails is tried again by the housekeeping."""
    from runtime.bridge import settle_stock_job  # noqa: PLC0415 - RQ is slow to import

    def settle() -> None:
        try:
            settle_stock_job(settings, job_id)
        except Exception as error:  # noqa: BLE001 - RQ's own trouble must not end a worker
            log.warning("dependents of a stock job not settled", job=job_id, error=str(error))

    threading.Thread(target=settle, name="settle", daemon=True).start()
