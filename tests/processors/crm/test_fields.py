"""What a report may say of each field, and what it is told when it may not."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from processors.crm.entities import ENTITIES, clean
from processors.crm.fields import Place

LONDON = Place("GB", ZoneInfo("Europe/London"))
LONG = 10**5_000


@pytest.mark.parametrize(
    ("entity", "reported", "expected"),
    [
        ("contact", {"firstName": " Ana ", "dateOfBirth": "1990-05-01"},
         {"first_name": "Ana", "birthday": date(1990, 5, 1)}),
        ("contact", {"name": "Ana Maria Ruiz"}, {"first_name": "Ana", "last_name": "Maria Ruiz"}),
        ("contact", {"name": "Ana Ruiz", "last_name": "Roe"}, {"last_name": "Roe"}),
        ("contact", {"birthday": "2026-06-01T23:30:00Z"}, {"birthday": date(2026, 6, 2)}),
        ("contact", {"lastVisit": "2026-06-01 18:00"},
         {"last_visit_at": datetime(2026, 6, 1, 17, tzinfo=UTC)}),
        ("contact", {"phone": "07700 900123", "email": "Ana <ANA@example.com>"},
         {"phone": "+447700900123", "email": "ana@example.com"}),
        ("contact", {"tags": "a, b ,a,,"}, {"tags": ["a", "b"]}),
        ("contact", {"lead_score": "12.6"}, {"score": 13}),
        ("contact", {"score": 1e300}, {"score": 100}),
        ("contact", {"id": "x", "org_id": "y", "created_at": "z", "phone": None}, {}),
        ("contact", {"Shoe size": 44, "custom_fields": {"goal": "run", "x": None}},
         {"custom_fields": {"shoe size": 44, "goal": "run"}}),
        ("contact", {"status": "", "source": ""}, {"source": ""}),
        ("booking", {"lead_id": 7, "status": "Checked-In"},
         {"contact_id": "7", "status": "attended"}),
        ("membership", {"status": "Canceled", "end_date": "2026-12-31"},
         {"status": "cancelled", "ends_on": date(2026, 12, 31)}),
        ("payment", {"amount_pence": "2999", "currency": "gbp", "status": "succeeded"},
         {"amount_minor": 2999, "currency": "GBP", "status": "paid"}),
        ("user", {"active": "false", "name": "Jo"}, {"is_active": False, "name": "Jo"}),
        ("class_session", {"maxCapacity": 20.0}, {"capacity": 20}),
    ],
)  # fmt: skip
def test_fields_are_read_as_the_crm_writes_them(entity, reported, expected):
    assert clean(entity, reported, LONDON) == expected


@pytest.mark.parametrize(
    ("entity", "reported", "problem"),
    [
        ("contact", {"first_name": ["a"]}, "first_name must be a text, not"),
        ("contact", {"first_name": "x" * 201}, "first_name has 201 characters; allowed"),
        ("contact", {"first_name": LONG}, "first_name must be a text, not a number of hundreds"),
        ("contact", {"first_name": "a\x00b"}, "first_name must not contain NUL"),
        ("contact", {"first_name": "\ud800"}, "first_name must be valid Unicode"),
        ("contact", {"score": "many"}, "a score of 'many'; allowed: a number from 0 to 100"),
        ("contact", {"score": float("nan")}, "a score of nan; allowed:"),
        ("contact", {"score": True}, "a score of true; allowed:"),
        ("contact", {"score": LONG}, "a score of a number of hundreds of digits; allowed:"),
        ("contact", {"tags": [1]}, "tags must be a list of texts"),
        ("contact", {"tags": [f"t{n}" for n in range(201)]}, "tags has 201 entries; allowed:"),
        ("contact", {"birthday": "01/05/1990"}, "birthday is '01/05/1990'; allowed: a date"),
        ("contact", {"last_visit_at": "soon"}, "last_visit_at is 'soon'; allowed: a time such as"),
        ("contact", {"timezone": "Mars/Base"}, "timezone is 'Mars/Base'; allowed: a time zone"),
        ("contact", {"timezone": "../etc/passwd"}, "timezone is"),
        ("contact", {"country": "Atlantis"}, "country is 'Atlantis'; allowed: two letters"),
        ("contact", {"visits": -1}, "visits is -1; allowed: a whole number from 0"),
        ("contact", {"visits": 2**31}, "visits is 2147483648; allowed: a whole number"),
        ("contact", {"visits": 1.5}, "visits is 1.5; allowed: a whole number"),
        ("contact", {"visits": LONG}, "visits is a number of hundreds of digits"),
        ("contact", {"type": "robot"}, "type is 'robot'; allowed: lead, member"),
        ("contact", {"assigned_to": True}, "assigned_to is true; allowed: a text or"),
        ("contact", {"goal": float("inf")}, "goal is no finite number"),
        ("contact", {"goal": {"a": [LONG]}}, "goal is a number too large to be stored"),
        ("contact", {"goal": "a\x00"}, "goal must not contain NUL"),
        ("contact", {"goal": date(2026, 1, 1)}, "goal is a date; allowed: what JSON can hold"),
        ("contact", {f"f{n}": n for n in range(501)}, "there are 501 custom fields; allowed"),
        ("booking", {"status": "maybe"}, "status is 'maybe'; allowed: booked, waitlisted"),
        ("payment", {"amount": 29.99}, "amount cannot be read; say amount_minor"),
        ("payment", {"amount_minor": "29.99"}, "amount_minor is '29.99'; allowed: a whole number"),
        ("payment", {"currency": "pounds"}, "currency is 'pounds'; allowed: three letters"),
        ("opportunity", {"value": 10}, "value cannot be read; say value_minor"),
        ("user", {"is_active": "perhaps"}, "is_active is 'perhaps'; allowed: true or false"),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_refused_in_one_line(entity, reported, problem):
    with pytest.raises(ValueError, match=re.escape(problem)) as refusal:
        clean(entity, reported, LONDON)
    text = str(refusal.value)
    assert text.startswith(problem)
    assert "\n" not in text
    assert len(text) < 300


def test_every_field_has_a_column():
    from processors.crm.repository.own import OWN

    refused = {"amount", "value"}
    for entity, known in ENTITIES.items():
        [table] = OWN.tables[entity]
        assert set(known.kinds) - refused <= set(table.columns), entity
        assert set(known.aliases.values()) <= set(known.kinds), entity
