"""`atlas explain` against a real Redis."""

from tests.runtime.cli.conftest import Command


def test_explain_says_what_holds_a_job(atlas: Command):
    atlas("enqueue", "echo", "--org", "o", "--id", "j")
    atlas("pause", "test:plain", "--reason", "provider down")
    lines = atlas("explain", "j").out.splitlines()
    assert lines[0].startswith("1. paused: test:plain was paused by ")
    assert '"provider down"' in lines[0]
    assert lines[1] == "2. no worker: no living worker serves test:plain"
    assert [h["what"] for h in atlas("explain", "j", "--json").json["holds"]] == [
        "paused", "no worker", "next",
    ]  # fmt: skip


def test_explain_of_an_unknown_job_fails_in_one_line(atlas: Command):
    outcome = atlas("explain", "nothing")
    assert outcome.code == 1
    assert "no job 'nothing'" in outcome.err
    assert outcome.err.count("\n") == 1
