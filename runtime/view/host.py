"""The machine this process runs on: `read_host`."""

import os

import psutil

from runtime.view.snapshot import HostSnapshot


def read_host() -> HostSnapshot:
    """CPU, memory, disk and load of this machine; never blocks.

    CPU is the mean since the previous call in this process (psutil), 0.0 at the first one. On a
    system that does not tell its load, or whose working directory is gone, those are zero.
    """
    memory = psutil.virtual_memory()
    disk_used, disk_total = _disk()
    return HostSnapshot(
        cpu_percent=psutil.cpu_percent(interval=None),
        cpu_count=psutil.cpu_count() or 1,
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        disk_used=disk_used,
        disk_total=disk_total,
        load=_load(),
    )


def _disk() -> tuple[int, int]:
    try:
        usage = psutil.disk_usage(".")
    except OSError:
        return 0, 0
    return usage.used, usage.total


def _load() -> tuple[float, float, float]:
    try:
        return os.getloadavg()
    except OSError:
        return 0.0, 0.0, 0.0
