"""Message templates: each renders, escapes, and can reach nothing else."""

import pytest

from processors.errors import TemplateError
from processors.templates.rendering import _environment, render, template_names

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
    assert "{{ 7*7 }}" in render("email", "newsletter", {"intro": "{{ 7*7 }}"}).body


def test_what_breaks_a_template_is_one_line():
    with pytest.raises(TemplateError, match="'newsletter' cannot be rendered"):
        render("email", "newsletter", {"items": 5})
