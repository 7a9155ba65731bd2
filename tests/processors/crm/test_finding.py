"""One person is one lead, however the number or the address is written, in events and in rows."""

import pytest
from sqlalchemy import select

from processors.crm.contacts import contact_of_event, update_contact_fields
from processors.crm.repository.opening import repository_of
from processors.database.models import Contact, Organisation, utc_now
from tests.processors.harness import ORG


def leads(database):
    with database.read() as session:
        return list(session.scalars(select(Contact).order_by(Contact.created_at)))


def report(database, org=ORG, **person):
    with database.write() as session:
        lead = contact_of_event(
            repository_of(session), org, {"lead": person}, occurred_at=utc_now()
        )
        return lead["id"] if lead else None


def live_in(database, country, org=ORG):
    with database.write() as session:
        session.get_one(Organisation, org).country = country


@pytest.mark.parametrize(
    ("country", "spellings", "stored"),
    [
        (None, ["07700 900555", "+44 7700 900555", "0044 7700 900555", "+44 (0)7700-900555",
                "7700900555", "whatsapp:+447700900555"], "+447700900555"),
        ("FR", ["06 12 34 56 78", "+33 6 12 34 56 78", "0033612345678", "06.12.34.56.78"],
         "+33612345678"),
        ("uk", ["07700 900555", "+44 7700 900555"], "+447700900555"),
    ],
)  # fmt: skip
def test_one_number_is_one_person(database, country, spellings, stored):
    if country:
        live_in(database, country.upper())
    assert len({report(database, phone=spelling) for spelling in spellings}) == 1
    [lead] = leads(database)
    assert lead.phone == stored


@pytest.mark.parametrize(
    "spellings",
    [
        ["ana@example.com", "ANA@Example.com", " Ana@example.COM "],
        ["info@müller.example", "info@xn--mller-kva.example", "INFO@MÜLLER.example",
         "Müller <info@xn--mller-kva.example>"],
        ["jo@example.com", "Jo <jo@example.com>", "JO <Jo@Example.com>", "<jo@example.com>",
         '"Doe, Jo" <jo@example.com>', "\t Jo  < jo@example.com > ", "mailto:jo@example.com",
         "MAILTO:JO@example.com?subject=Hi", "Jo <mailto:jo@example.com>",
         f"{'Jo ' * 60}<{'jo@example.com':>200}>"],
        ["jo+gym@example.com", "mailto:jo%2Bgym@example.com", "mailto:jo+gym@example.com"],
    ],
)  # fmt: skip
def test_one_address_is_one_person(database, spellings):
    assert len({report(database, email=spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    "stored",
    ["07700 900555", "07700900555", "(07700) 900-555", "+44 7700 900555", "+44 (0)7700 900555",
     "0044 7700 900555"],
)  # fmt: skip
def test_rows_that_the_crm_wrote_are_found_in_every_spelling(database, add_lead, stored):
    add_lead(id="other", phone="07700 900556", email=None)
    add_lead(phone=stored, email=None)
    assert report(database, phone="+447700900555") == "lead_1"
    assert report(database, phone="07700 900555") == "lead_1"
    assert len(leads(database)) == 2


@pytest.mark.parametrize(
    ("stored", "reported"),
    [
        ("Ana@Example.com", "ana@example.com"),
        ("Ana <ana@example.com>", "ANA@example.com"),
        ("mailto:ana@example.com", "ana@example.com"),
        (" ana@example.com ", "Ana <ana@example.com>"),
        ("Ana@xn--mller-kva.example", "ana@müller.example"),
        ("ana_b@Example.com", "ana_b@example.com"),
        ("No address@ all", "no ADDRESS@ all"),
    ],
)
def test_rows_whose_address_is_written_otherwise_are_found(database, add_lead, stored, reported):
    add_lead(id="other", email="Banana@Example.com")
    add_lead(id="like", email="anaxb@Example.com")
    add_lead(email=stored)
    assert report(database, email=reported) == "lead_1"
    assert len(leads(database)) == 3


def test_what_is_no_single_address_is_nobody_elses(database, add_lead):
    add_lead(email="jo@example.com")
    texts = [
        "Jo <jo@example.com>, Al <al@example.com>", "Jo <>", "mailto:", "Jo jo@example.com",
        "mailto:jo@example.com%0D%0ABcc:x@y.example",
    ]  # fmt: skip
    for text in texts:
        assert report(database, email=text) != "lead_1", text
    assert [lead.email for lead in leads(database)[1:]] == [text.lower() for text in texts]


def test_two_people_stay_two(database):
    found = [
        report(database, phone="07700 900555"),
        report(database, phone="07700 900556"),
        report(database, phone="0113 496 0000 ext 1"),
        report(database, phone="0113 496 0000 ext 2"),
        report(database, phone="ask at the desk"),
        report(database, org="org_other", phone="07700 900555"),
    ]
    assert len(set(found)) == len(found)


def test_a_change_stores_the_one_spelling(database, add_lead):
    add_lead()
    with database.write() as session:
        repository = repository_of(session)
        contact = repository.get(ORG, "contact", "lead_1", lock=True)
        update_contact_fields(
            repository,
            contact,
            {"phone": "07700 900777", "email": "ANA@EXAMPLE.COM"},
            now=utc_now(),
        )
    [lead] = leads(database)
    assert (lead.phone, lead.email) == ("+447700900777", "ana@example.com")


def test_ids_are_texts_and_never_cut_into_one(database):
    long = "x" * 120
    found = [
        report(database, id=given, first_name="Ana")
        for given in (120210000000000124, 120210000000000123, long + "a", long + "b", "7", "07")
    ]
    assert found[0] == "120210000000000124"
    assert len(set(found)) == 6
    assert report(database, id=7, first_name="Ana") == "7"
    for wrong in ([1], {"a": 1}, True):
        with pytest.raises(ValueError, match="allowed: a text or a whole number"):
            report(database, id=wrong, first_name="Ana")


def test_a_country_that_is_none_is_named(database):
    live_in(database, "ZZ")
    with pytest.raises(
        ValueError, match=r"'ZZ' of org_iron is not a country of ISO 3166-1; allowed:"
    ):
        report(database, phone="07700 900555")


def test_a_text_field_takes_no_list(database):
    with pytest.raises(ValueError, match="first_name must be a text"):
        report(database, first_name=["Ana"], email="a@b.co")
