"""Actions that change the contact: each run twice, as after a crash."""

import pytest

from processors.errors import DefinitionError
from tests.processors.harness import ORG


def ana(repository):
    return repository.get(ORG, "contact", "lead_1")


@pytest.mark.parametrize(
    ("name", "config", "field", "value", "writes"),
    [
        ("add_tag", {"tag": "VIP"}, "tags", ["Trial", "VIP"], 1),
        ("add_tag", {"tags": ["vip", "VIP ", "trial"]}, "tags", ["Trial", "vip"], 1),
        ("add_tag", {"tag": "{{first_name}}"}, "tags", ["Trial", "Ana"], 1),
        ("remove_tag", {"tagName": "TRIAL"}, "tags", [], 1),
        ("remove_tag", {"tag": "VIP"}, "tags", ["Trial"], 0),
        ("update_lead", {"updates": {"source": "referral"}}, "source", "referral", 1),
        ("update_lead", {"updates": [{"field": "source", "value": "x"}]}, "source", "x", 1),
        ("update_contact", {"field": "visits", "value": "{{score}}"}, "visits", 60, 1),
        ("update_contact", {"field": "source", "value": ""}, "source", "", 1),
        ("update_lead", {"operation": "set", "value": 7}, "score", 7, 1),
        ("update_lead", {"updates": {"score": 150}}, "score", 100, 1),
        ("update_score", {"scoreChange": 15, "reason": "opened"}, "score", 75, 1),
        ("update_score", {"value": "2.5"}, "score", 62, 1),
        ("update_score", {"operation": "add", "value": 1_000}, "score", 100, 1),
        ("update_score", {"operation": "subtract", "value": 61}, "score", 0, 1),
        ("update_score", {"value": 0}, "score", 60, 0),
        ("change_stage", {"stage": "Trial booked"}, "stage", "Trial booked", 1),
        ("add_to_campaign", {"campaignId": "spring"}, "tags", ["Trial", "campaign:spring"], 1),
        ("remove_from_campaign", {"campaign": "spring"}, "tags", ["Trial"], 0),
    ],
)
def test_a_field_has_its_new_value_once(act, repository, name, config, field, value, writes):
    act(name, config)
    assert ana(repository)[field] == value
    assert repository.writes == writes


def test_a_score_has_a_history_of_one_row_a_step(act, repository):
    act("update_score", {"value": 10, "reason": "came to a class"})
    act("update_score", {"value": 10}, step_key="node_2")
    assert list(repository.score_changes.values()) == [
        (60, 70, "came to a class"),
        (70, 80, "workflow step node_2"),
    ]
    assert ana(repository)["score"] == 80


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("add_tag", {"tag": "{{nickname}}"}, "the variable {{nickname}} has no value"),
        ("add_tag", {"tags": [str(n) for n in range(200)]}, "at most 200 tags"),
        ("update_score", {"value": "{{first_name}}"}, "needs a number, not 'Ana'"),
        ("update_lead", {"updates": {"score": "high"}}, "needs a number, not 'high'"),
        ("create_contact", {"first_name": "Bo"}, "needs an email or a phone"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_what_was_found(act, repository, name, config, said):
    with pytest.raises(DefinitionError, match=f"^{'update_contact' if 'lead' in name else name}: "):
        act(name, config)
    with pytest.raises(DefinitionError) as error:
        act(name, config)
    assert said in str(error.value)
    assert repository.writes == 0


@pytest.mark.parametrize("contact_id", [None, "gone"])
def test_an_event_without_a_contact_says_so(act, contact_id):
    with pytest.raises(DefinitionError, match=r"names no contact|does not exist any more"):
        act("add_tag", {"tag": "VIP"}, contact_id=contact_id)


def test_a_new_contact_is_made_once_and_a_known_one_is_updated(act, repository):
    made = act("create_contact", {"email": "bo@example.com", "name": "Bo", "tags": ["friend"]})
    assert made.output["is_new"] is True
    assert len(repository.records["contact"]) == 2
    again = act("create_contact", {"email": "bo@example.com", "source": "ana"}, step_key="other")
    assert again.output == {"contact_id": made.output["contact_id"], "is_new": False}
    bo = repository.get(ORG, "contact", made.output["contact_id"])
    assert (bo["source"], bo["tags"], bo["type"]) == ("ana", ["friend"], "lead")
    act("create_contact", {"email": "bo@example.com", "source": "x", "duplicates": "skip"},
        step_key="third")  # fmt: skip
    assert repository.get(ORG, "contact", bo["id"])["source"] == "ana"
