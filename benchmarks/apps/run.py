"""Runs one of the applications beside this file for real: ``python -m benchmarks.apps.run NAME``.

NAME is in_atlas, in_dramatiq or in_taskiq; REDIS_URL says where Redis is. For the latter two:
``pip install 'dramatiq[redis]' apscheduler taskiq taskiq-redis`` in an environment of its own.
"""

import asyncio
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORKERS = {
    "in_atlas": ["atlas-worker", "--processes", "1"],
    "in_dramatiq": ["dramatiq", "benchmarks.apps.in_dramatiq", "--processes", "1"],
    "in_taskiq": ["taskiq", "worker", "benchmarks.apps.in_taskiq:broker", "--workers", "1"],
}
WANTED = ["welcomed ana@example.com", 3]


def lines_of(name: str) -> int:
    """Lines of code: neither blank nor documentation."""
    source = (HERE / f"{name}.py").read_text(encoding="utf-8")
    code = [part for at, part in enumerate(source.split('"""')) if at % 2 == 0]
    return sum(bool(line.strip()) for line in "".join(code).splitlines())


def results(name: str) -> list[Any]:
    """Enqueue both jobs and wait for what they return."""
    app = importlib.import_module(f"benchmarks.apps.{name}")
    address, text = "ana@example.com", "one two three"
    if name == "in_atlas":
        from runtime import AtlasClient  # noqa: PLC0415 - the others have none

        with AtlasClient.from_environment() as client:
            refs = client.enqueue_many([app.welcome.new(address), app.count_words.new(text)])
            return [client.result(ref.id, timeout=60) for ref in refs]
    if name == "in_dramatiq":
        sent = [app.welcome.send(address), app.count_words.send(text)]
        return [message.get_result(block=True, timeout=60_000) for message in sent]
    return asyncio.run(_taskiq(app, address, text))


async def _taskiq(app: Any, address: str, text: str) -> list[Any]:
    await app.broker.startup()
    sent = [await app.welcome.kiq(address), await app.count_words.kiq(text)]
    values = [(await task.wait_result(timeout=60)).return_value for task in sent]
    await app.broker.shutdown()
    return values


def main() -> None:
    """Start a worker, wait for both results, say how many lines the application takes."""
    name = sys.argv[1]
    os.environ["ATLAS_APPLICATION"] = "benchmarks.apps.in_atlas"
    os.chdir(ROOT)
    program, *arguments = WORKERS[name]
    command = [str(Path(sys.executable).parent / program), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    worker = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603
    try:
        found = results(name)
    finally:
        worker.terminate()
        try:
            worker.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    if found != WANTED:
        raise SystemExit(f"{name}: {found} instead of {WANTED}")
    sys.stdout.write(f"{name}: {lines_of(name)} lines, runs\n")


if __name__ == "__main__":
    main()
