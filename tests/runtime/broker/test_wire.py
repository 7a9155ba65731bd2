"""What crosses to Lua has the same names on both sides."""

import re
from pathlib import Path

from pydantic_core import from_json

from runtime.broker import scripts
from runtime.broker.calls.claim import ClaimState
from runtime.broker.calls.finish import Ended, fields_of, finish_attempts
from tests.runtime.drive import POLICY
from tests.runtime.worker.test_verdict import JOB

FOLDER = Path(scripts.__file__).parent / "lua"


def test_claim_states_are_the_same_in_lua() -> None:
    lua = (FOLDER / "lib" / "claim_state.lua").read_text()
    states = re.findall(r"^  (\w+) = (-?\d+),", lua, re.MULTILINE)
    assert {name.upper(): int(value) for name, value in states} == {
        state.name: state.value for state in ClaimState
    }


def test_scripts_name_only_claim_states_that_there_are() -> None:
    lua = (FOLDER / "claim.lua").read_text()
    assert {name.upper() for name in re.findall(r"CLAIM_STATE\.(\w+)", lua)} == set(
        ClaimState.__members__
    )


FULL = Ended(
    "failed", JOB._replace(rl_key="lane|org"), "echo", 1.0, 2.0, 3.0, delay_ms=4, due_ms=5,
    renewed=True, return_value="v", exc_string="x", error_class="E", error="e", fingerprint="f",
    fault=True, without_letter=True, dead_letter="{}", org="org",
)  # fmt: skip


def test_finish_knows_the_fields_of_an_attempt() -> None:
    lua = (FOLDER / "finish.lua").read_text()
    used = set(re.findall(r"\ba\.(\w+)", lua))
    (optional,) = re.findall(r"^local OPTIONAL = {(.+)}", lua, re.MULTILINE)
    assert used | set(re.findall(r"'(\w+)'", optional)) == set(fields_of(FULL))
    assert not re.search(r"\ba\[\d", lua), "by name, not by number"


def test_an_attempt_leaves_out_what_it_does_not_have() -> None:
    plain = Ended("finished", JOB._replace(rl_key=""), "echo", 1.0, 2.0, 3.0, org="org")
    (sent,) = from_json(finish_attempts("w", [plain], POLICY).args[2])
    assert set(sent) == {
        "outcome", "id", "execution", "lane", "kind", "started", "wait_ms", "run_ms",
    }  # fmt: skip
    assert set(fields_of(FULL)) - set(sent) == {
        "rl_key", "delay_ms", "due_ms", "renewed", "return_value", "exc_string", "error_class",
        "error", "fingerprint", "fault", "dead_letter", "org",
    }  # fmt: skip
