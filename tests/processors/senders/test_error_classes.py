"""The table of providers' refusals: its form, and that every line of it has a meaning."""

import pytest

from processors.senders.error_classes import read_rules, refusal, rule_of, rules
from processors.senders.refusals import is_of_recipient
from processors.senders.sender import RejectedError

SOURCE = "https://example.com/"


def test_every_line_gives_an_error():
    assert len(rules()) > 50
    for (provider, kind, value), rule in rules().items():
        code = value if kind == "code" else None
        status = int(value.replace("x", "0")) if kind == "status" else 400
        error = refusal("twilio" if provider == "http" else provider, status, "no", code=code)
        assert error.reason == "no"
        if rule.error_class == "suppress":
            assert isinstance(error, RejectedError)
            assert error.suppress == rule.reason
            assert is_of_recipient(error.code)


@pytest.mark.parametrize(
    ("provider", "status", "code", "expected"),
    [
        ("twilio", 400, "21610", "suppress"),
        ("twilio", 500, "21610", "ambiguous"),
        ("twilio", 418, None, "permanent"),
        ("twilio", 503, None, "ambiguous"),
        ("sendgrid", 503, None, "retry"),
        ("resend", 308, None, "stop"),
        ("resend", 429, "unheard_of", "retry"),
        ("smtp", 550, None, "permanent"),
        ("smtp", 499, None, "retry"),
        # No SMTP reply; not HTTP's table.
        ("smtp", 302, None, "permanent"),
    ],
)
def test_a_code_then_a_status_then_permanent(provider, status, code, expected):
    assert rule_of(provider, status, code).error_class == expected


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ({"class": "retry", "source": SOURCE}, "needs a code or a status"),
        ({"code": "1", "status": "400", "class": "retry", "source": SOURCE}, "code or a status"),
        ({"code": "1", "class": "later", "source": SOURCE}, "class must be one of retry, delayed"),
        ({"code": "1", "class": "suppress", "source": SOURCE}, "needs a reason"),
        ({"code": "1", "class": "retry", "reason": "stop", "source": SOURCE}, "needs a reason"),
        ({"code": "1", "class": "retry", "sender": True, "source": SOURCE}, "goes with class stop"),
        ({"code": "1", "class": "retry"}, "needs a source"),
    ],
)
def test_a_wrong_line_is_named(line, wrong):
    with pytest.raises(ValueError, match=f"error_classes.toml: acme .*{wrong}"):
        read_rules({"acme": [line]})


def test_a_line_twice_is_named():
    line = {"code": "1", "class": "retry", "source": SOURCE}
    with pytest.raises(ValueError, match="acme 1: is there twice"):
        read_rules({"acme": [line, line]})
