"""What commands that enqueue share: their JSON argument, and what they say of a job."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from runtime.jobs.payload import MOST_DIGITS

DATA_HELP = "JSON object; @FILE reads it from a file, - from standard input."


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object: as text, ``@file``, or ``-`` for standard input."""

    name = "json"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> dict[str, Any]:
        """Read and parse it; anything else than an object is refused."""
        if isinstance(value, dict):
            return value
        try:
            parsed = json.loads(_read(str(value)))
        except OSError as error:
            self.fail(f"cannot read {str(value)[1:]}: {error.strerror}", param, ctx)
        except UnicodeDecodeError:
            self.fail("the text is not UTF-8", param, ctx)
        except json.JSONDecodeError as error:
            self.fail(f"not JSON: {error}", param, ctx)
        except RecursionError:
            self.fail("it is nested too deep", param, ctx)
        except ValueError:  # Python's own words name a function to call
            self.fail(f"a number of more than {MOST_DIGITS} digits is not allowed", param, ctx)
        if not isinstance(parsed, dict):
            self.fail('a JSON object is needed, e.g. {"lead_id": "lead_1"}', param, ctx)
        return parsed


def _read(value: str) -> str:
    if value == "-":
        return sys.stdin.read()
    if value.startswith("@"):
        return Path(value[1:]).read_text(encoding="utf-8")
    return value


def ref_words(job_id: str, queue: str, *, created: bool) -> str:
    """Whether a job was enqueued, in one line."""
    return (
        f"{job_id} enqueued in {queue}"
        if created
        else f"{job_id} exists already; nothing was enqueued"
    )
