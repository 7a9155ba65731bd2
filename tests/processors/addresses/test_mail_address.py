"""Mailboxes: one author whatever the name, and one line for what is none."""

from email import message_from_string, policy
from email.header import decode_header, make_header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.addresses.mail_address import read_address, read_mailbox


@pytest.mark.parametrize(
    ("text", "name", "envelope"),
    [
        ("jo@iron.example", "", "jo@iron.example"),
        ("<jo@iron.example>", "", "jo@iron.example"),
        ("Jo <jo@iron.example>", "Jo", "jo@iron.example"),
        ("Smith, Jo <jo@iron.example>", "Smith, Jo", "jo@iron.example"),
        ("Iron Gym, Leeds <hi@iron.example>", "Iron Gym, Leeds", "hi@iron.example"),
        ('"Smith, Jo" <jo@iron.example>', "Smith, Jo", "jo@iron.example"),
        ('Jo "The Rock" Smith <jo@iron.example>', 'Jo "The Rock" Smith', "jo@iron.example"),
        (r'"a\"b\\" <jo@iron.example>', 'a"b\\', "jo@iron.example"),
        ("Gym (Leeds); open: 24h <hi@iron.example>", "Gym (Leeds); open: 24h", "hi@iron.example"),
        ("x@other.example <jo@iron.example>", "x@other.example", "jo@iron.example"),
        ("😀 Gym, Leeds <hi@iron.example>", "😀 Gym, Leeds", "hi@iron.example"),
        ("شركة, حديد <hi@iron.example>", "شركة, حديد", "hi@iron.example"),
        ("=?utf-8?q?x?= <hi@iron.example>", "=?utf-8?q?x?=", "hi@iron.example"),
        ("Long name, " * 15 + " <a@b.co>", ("Long name, " * 15).strip(), "a@b.co"),
        ("名前、" * 40 + " <a@b.co>", "名前、" * 40, "a@b.co"),
        ("hi@müller.example", "", "hi@xn--mller-kva.example"),
        ("hi@XN--MLLER-KVA.example", "", "hi@xn--mller-kva.example"),
        ("jörg@example.com", "", "jörg@example.com"),
        ("Atlas <no-reply@localhost>", "Atlas", "no-reply@localhost"),
        ("ops@mail.local", "", "ops@mail.local"),
        ("o'brien+tag@iron.example", "", "o'brien+tag@iron.example"),
    ],
)
def test_one_author_whatever_the_name(text, name, envelope):
    mailbox = read_mailbox(text)
    assert (mailbox.name, mailbox.envelope) == (name, envelope)
    assert read_mailbox(str(mailbox)) == mailbox
    header = mailbox.header()
    assert all(len(line) <= 998 for line in header.split("\r\n"))
    if envelope.isascii():
        assert header.isascii()
        parsed = message_from_string(f"From: {header}\r\n\r\n", policy=policy.default)["From"]
        assert [found.addr_spec for found in parsed.addresses] == [envelope]
    if not name.isascii():
        assert str(make_header(decode_header(header.rpartition("<")[0]))) == name


@pytest.mark.parametrize(
    "text",
    [
        "", "nobody", "a@b", "@b.co", "a@", "a b@c.co", "a@b.co, c@d.co", "Team: a@b.co, c@d.co;",
        "A <a@b.co>, B <b@c.co>", "A <a@b.co> x", "<<a@b.co>>", "A <>", "undisclosed-recipients:;",
        "jo@[192.168.0.1]", "jo@[IPv6:::1]", '"a b"@c.co', "a..b@c.co", ".a@c.co", "a@-c.co",
        "a@c_d.co", "a@b.co\r\nBcc: x@y.co", "A\r\nBcc: x@y.co <a@b.co>", "A\u2028B <a@b.co>",
        "A\x85B <a@b.co>", "a\x00@b.co", "x" * 65 + "@b.co", "a@" + "b" * 64 + ".co",
        "a@" + ".".join(["b" * 60] * 5) + ".co", "a\u202e@b.co", "x" * 201 + " <a@b.co>",
        "x" * 100_000 + "@b.co", "<" * 900, '"' * 900, "a@😀.com", "{{lead.email}}",
    ],
)  # fmt: skip
def test_what_is_no_mailbox_is_one_line(text):
    with pytest.raises(ValueError, match=r"must be|longer than") as error:
        read_mailbox(text)
    assert "\n" not in str(error.value)


def test_an_address_alone_takes_no_name():
    with pytest.raises(ValueError, match="must be an e-mail address"):
        read_address("Jo <jo@iron.example>")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_name_makes_one_author_and_one_header(name):
    try:
        mailbox = read_mailbox(f"{name} <jo@iron.example>")
    except ValueError:
        return
    text = f"From: {mailbox.header()}\r\nX-Next: 1\r\n\r\n"
    mail = message_from_string(text, policy=policy.default)
    assert [found.addr_spec for found in mail["From"].addresses] == ["jo@iron.example"]
    assert mail.keys() == ["From", "X-Next"]
