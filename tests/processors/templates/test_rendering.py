"""Message templates: each renders, escapes, and can reach nothing else."""

import pytest

from processors.errors import TemplateError
from processors.templates.rendering import _environment, _readable, render, template_names

DATA = {
    "lead": {"first_name": "Ana <b>"},
    "organisation": {"name": "Iron & Co"},
    "trigger": {"amount": "£39", "class_name": "Yoga"},
    "items": ["<i>one</i>", "two"],
}


@pytest.mark.parametrize("name", template_names("email"))
def test_every_email_template_renders(name):
    rendered = render("email", name, DATA)
    assert "Ana &lt;b&gt;" in rendered.body
    assert "Iron &amp; Co" in rendered.body
    assert rendered.subject
    assert "\n" not in rendered.subject
    assert "&lt;" not in rendered.subject
    bare = render("email", name, {})
    assert "Hi there" in bare.body
    assert "None" not in bare.body


@pytest.mark.parametrize("name", template_names("whatsapp"))
def test_every_whatsapp_template_renders(name):
    assert "Ana <b>" in render("whatsapp", name, DATA).body
    assert "Hi there" in render("whatsapp", name, {}).body


def test_names_are_forgiving_but_reach_no_other_file():
    assert render("email", "Welcome_Lead", DATA) == render("email", "welcome-lead", DATA)
    for name in (
        "_layout",
        "../templates/welcome-lead",
        "welcome-lead.html",
        "",
        "a" * 200,
        "/etc",
    ):
        with pytest.raises(TemplateError, match="allowed: class-barrier-survey"):
            render("email", name, {})


def test_hostile_values_cannot_leave_the_sandbox():
    environment = _environment("email")
    template = environment.from_string("{{ x.__class__.__mro__ }}{{ x.append(1) }}")
    with pytest.raises(Exception, match=r"unsafe|not safely"):
        template.render(x=[])
    with pytest.raises(TemplateError, match="unfilled"):
        render("email", "newsletter", {"intro": "{{ 7*7 }}"})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"items": ["Spin", None, ""]}, "<li>Spin</li>"),
        ({"intro": ["Spin", "Yoga"]}, "<p>Spin and Yoga</p>"),
        ({"intro": True}, "<p>yes</p>"),
        ({"intro": None}, "Here is what is on"),
        ({"intro": "  "}, "Here is what is on"),
        ({"intro": "undefined"}, "Here is what is on"),
        ({"intro": '["Spin","Yoga"]'}, "<p>Spin and Yoga</p>"),
        ({"intro": 19.9, "organisation": {"country": "DE"}}, "<p>19,9</p>"),
    ],
)
def test_values_read_as_people_write_them(data, words):
    body = render("email", "newsletter", data).body
    assert words in body
    for notation in ("None", "[", "{"):
        assert notation not in body


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"intro": {"a": 1}}, "the variable 'intro' is an object"),
        ({"lead": {"first_name": {"a": 1}}}, "the variable 'lead.first_name' is an object"),
        ({"items": [{"a": 1}]}, "an object"),
        ({"intro": float("nan")}, "no number"),
        ({"intro": "x" * 250_000}, "longer than 200000"),
        ({"items": ["x" * 1_000] * 900}, "longer than 200000"),
        ({"title": "x" * 2_000}, "longer than 998"),
    ],
)
def test_what_has_no_text_fails_the_template(data, words):
    with pytest.raises(TemplateError, match=words):
        render("email", "newsletter", data)


def test_a_template_that_provides_for_nothing_names_what_is_missing():
    for text in ("{{ lead.first_name }}", "{{ lead.first_name.x }}"):
        template = _environment("email").from_string(text)
        with pytest.raises(Exception, match=r"the variable 'lead\.first_name' has no value"):
            template.render(_readable({"lead": {"first_name": None, "id": 1}}, ""))


def test_what_breaks_a_template_is_one_line():
    with pytest.raises(TemplateError, match="'newsletter' cannot be rendered"):
        render("email", "newsletter", {"items": 5})
