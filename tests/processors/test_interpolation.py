"""Variables: paths, types, unknown ones, and that nothing is ever executed."""

import html

import pytest

from processors.workflow.interpolation import MISSING, interpolate, lookup

SCOPE = {
    "lead": {"first_name": "Ana", "tags": ["vip", "trial"], "score": 60, "extra": None},
    "customer_name": "Bo",
    "nested": {"text": "{{lead.first_name}}"},
    "yes": True,
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Hi {{lead.first_name}}!", "Hi Ana!"),
        ("Hi {{ lead.first_name }}!", "Hi Ana!"),
        ("{{lead.firstName}} and {{customerName}}", "Ana and Bo"),
        ("{{lead.tags[0]}}/{{lead.tags.1}}", "vip/trial"),
        ("{{lead.tags[9]}}!", "{{lead.tags[9]}}!"),
        ("{{lead.score}}", 60),
        (" {{lead.score}} ", 60),
        ("{{lead.tags}}", ["vip", "trial"]),
        ("tags: {{lead.tags}}", "tags: vip, trial"),
        ("{{yes}}", True),
        ("is {{yes}}", "is true"),
        ("[{{lead.extra}}]", "[]"),
        ("{{unknown}} {{lead.unknown}}", "{{unknown}} {{lead.unknown}}"),
        ("{{unknown}}", "{{unknown}}"),
        ("{{nested.text}} x", "{{lead.first_name}} x"),
        ("{{lead.__class__}}", "{{lead.__class__}}"),
        ("{{lead.first_name.upper()}}", "{{lead.first_name.upper()}}"),
        ("{{=1+1}} {{1+1}} {% if x %}", "{{=1+1}} {{1+1}} {% if x %}"),
        ("{{lead.first_name", "{{lead.first_name"),
        ("", ""),
        (5, 5),
        (["{{lead.score}}", {"a": "x{{yes}}"}], [60, {"a": "xtrue"}]),
    ],
)
def test_interpolate(text, result):
    assert interpolate(text, SCOPE) == result


def test_inserted_text_is_escaped_and_the_rest_is_not():
    scope = {"lead": {"first_name": "<script>"}}
    text = "<p>{{lead.first_name}}</p>"
    assert interpolate(text, scope, escape=html.escape) == "<p>&lt;script&gt;</p>"
    assert interpolate("{{lead.first_name}}", scope, escape=html.escape) == "&lt;script&gt;"


def test_nesting_is_bounded():
    value = "{{lead.score}}"
    for _ in range(50):
        value = [value]
    assert interpolate(value, SCOPE) == value


def test_lookup_of_what_is_not_there():
    assert lookup(SCOPE, "lead.nothing.more") is MISSING
