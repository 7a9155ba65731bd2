"""An organisation's own templates: saved whole or not at all, versioned, filled in."""

from datetime import UTC, datetime

import pytest

from processors.errors import TemplateError
from processors.templates.rendering import template_names
from processors.templates.resolving import BuiltInTemplate, OwnTemplate, resolve_template
from processors.templates.saving import NewTemplate, roll_back, save_template
from processors.texts.interpolation import Variable, variables_in
from processors.texts.segments import segments_of
from tests.processors.harness import ORG
from tests.processors.templates.gym_templates import GYM_TEMPLATES

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
VALUES = {
    "first_name": "Ana", "customer_name": "Ana Ruiz", "organization_name": "Iron Works",
    "gym_name": "Iron Works", "class_name": "Spin <3", "class_date": "5 May", "class_time": "18:00",
    "instructor_name": "Bo", "location": "Studio 2", "membership_type": "Gold",
    "expiry_date": "31 May", "days_until_expiry": 7, "phone_number": "020 7183 8750",
    "booking_link": "https://b.example/1", "booking_reference": "B-17", "auto_book": True,
    "cancellation_cutoff_hours": 12, "special_requirements": "Shoes", "waitlist_position": 2,
    "cancellation_reason": "illness", "date": "5 May", "time": "18:00", "amount": "£39",
    "due_date": "1 June", "current_date": "5 May", "current_time": "9:00", "current_year": 2026,
}  # fmt: skip


def sms(**changes):
    values = {"channel": "sms", "name": "Hello", "body": "Hi {{first_name}}"} | changes
    return NewTemplate(**values)


def test_the_templates_of_gyms(database) -> None:
    with database.write() as session:
        for each in GYM_TEMPLATES:
            new = each.new()
            assert abs(len(new.body) - each.chars) <= max(40, each.chars // 6), each.name
            assert (segments_of(new.body).encoding == "UCS-2") == each.uses_ucs2, each.name
            saved = save_template(session, ORG, new, now=NOW)
            assert (saved.version, saved.is_new, saved.unused) == (1, True, ())
            again = save_template(session, ORG, new, now=NOW)
            assert (again.version, again.is_new) == (1, False)
            found = resolve_template(session, ORG, each.channel, each.name.upper())
            assert isinstance(found, OwnTemplate)
            rendered = found.render(VALUES)
            assert "{" not in rendered.body
            assert ("&lt;3" in rendered.body) == (found.is_html and "class_name" in str(
                [v.name.lower().replace("classname", "class_name") for v in found.variables]
            ))  # fmt: skip
            if variables_in(new.body):
                with pytest.raises(TemplateError, match="has no value"):
                    found.render({})


def test_versions(database) -> None:
    with database.write() as session:

        def text() -> str:
            return resolve_template(session, ORG, "sms", "hello").render({"firstName": "Ana"}).body

        save_template(session, ORG, sms(), now=NOW)
        assert text() == "Hi Ana"
        second = save_template(session, ORG, sms(body="Bye {{first_name}}"), now=NOW)
        assert (second.version, text()) == (2, "Bye Ana")
        assert roll_back(session, ORG, "sms", "Hello", 1, now=NOW) == 3
        assert text() == "Hi Ana"
        assert roll_back(session, ORG, "sms", "Hello", 3, now=NOW) is None
        fourth = save_template(session, ORG, sms(body="Hey {{first_name}}"), now=NOW)
        assert fourth.version == 4
        with pytest.raises(TemplateError, match="has no version 9; allowed: 1 to 4"):
            roll_back(session, ORG, "sms", "hello", 9, now=NOW)
        with pytest.raises(TemplateError, match="has no email template 'hello' of its own"):
            roll_back(session, ORG, "email", "hello", 1, now=NOW)


def test_the_organisations_own_stands_before_the_built_in(database) -> None:
    with database.write() as session:
        built_in = resolve_template(session, ORG, "email", "Welcome_Lead")
        assert isinstance(built_in, BuiltInTemplate)
        assert "Hi there" in built_in.render({}).body
        own = NewTemplate("email", "welcome lead", "<b>{{lead.first_name}}</b>", "Hi", is_html=True,
                          variables=[Variable("lead.first_name", "you")])  # fmt: skip
        save_template(session, ORG, own, now=NOW)
        found = resolve_template(session, ORG, "email", "welcome-lead")
        assert found.render({"lead": {"first_name": "A&B"}}).body == "<b>A&amp;B</b>"
        assert found.render({"lead": {"first_name": " ", "x": 1}}).body == "<b>you</b>"
        assert found.render({}).body == "<b>you</b>"
        other = resolve_template(session, "org_other", "email", "welcome-lead")
        assert isinstance(other, BuiltInTemplate), "nobody else's"
        with pytest.raises(TemplateError, match="email template 'nope'; allowed: class-"):
            resolve_template(session, ORG, "email", "nope")
        with pytest.raises(TemplateError, match=r"no sms template 'nope'; allowed: none"):
            resolve_template(session, ORG, "sms", "nope")
    assert template_names("sms") == []


def test_what_cannot_be_saved_is_refused_with_every_problem(database) -> None:
    cases = [
        (sms(channel="fax"), "'fax' is no channel; allowed: email, sms, whatsapp"),
        (sms(name=" - "), "it needs a name"),
        (sms(body="  "), "its body is empty"),
        (sms(body="x" * 1601), "has 1601 characters; allowed: 1600"),
        (sms(body="Hi {{first name}}"), "{{first name}} is not a variable"),
        (sms(body="Hi {{first_name"), "is not closed by '}}'"),
        (sms(subject="x"), "only an e-mail has a subject or HTML"),
        (sms(is_html=True), "only an e-mail has a subject or HTML"),
        (sms(purpose="spam"), "'spam' is no purpose; allowed: marketing, transactional"),
        (sms(channel="email"), "an e-mail needs a subject"),
        (sms(channel="email", subject="a\r\nBcc: x"), "must be one line"),
        (sms(variables=[]), "uses variables that are not declared: first_name"),
        (
            sms(body="{{a}} {{b.c}} {{b.c | default: 'x'}}", variables=[Variable("z")],
                purpose="spam"),
            "; uses variables that are not declared: a, b.c",
        ),
    ]  # fmt: skip
    with database.write() as session:
        for new, says in cases:
            with pytest.raises(TemplateError) as caught:
                save_template(session, ORG, new, now=NOW)
            assert says in str(caught.value)
            assert "\n" not in str(caught.value)
        with pytest.raises(TemplateError, match="no organisation 'nobody'"):
            save_template(session, "nobody", sms(), now=NOW)
        saved = save_template(
            session, ORG, sms(variables=[Variable("firstName"), Variable("oldName")]), now=NOW
        )
        assert saved.unused == ("oldName",)


def test_the_variables_of_a_text() -> None:
    text = "{{a}} {class_name} {{b | default: 'x'}} {{b}} {{c | default: ''}} {{d.e | upper}}"
    assert variables_in(text) == [
        Variable("a"),
        Variable("class_name"),
        Variable("b"),
        Variable("c", ""),
        Variable("d.e"),
    ]
