"""Small workflow definitions, as the builder would store them."""

from itertools import pairwise
from typing import Any


def node(node_id: str, kind: str, **data: Any) -> dict[str, Any]:
    return {"id": node_id, "type": kind, "position": {"x": 0, "y": 0}, "data": data}


def edge(source: str, target: str, branch: str | None = None) -> dict[str, Any]:
    found = {"id": f"{source}-{target}", "source": source, "target": target}
    return found | ({"sourceHandle": branch} if branch else {})


def chain(*nodes: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    ids = [item["id"] for item in nodes]
    return list(nodes), [edge(a, b) for a, b in pairwise(ids)]


TRIGGER = node("t", "trigger", label="New lead")
# Transactional, as no test may depend on the hour: marketing waits for the morning.
EMAIL = node(
    "mail",
    "action",
    actionType="send_email",
    config={
        "subject": "Hi {{lead.first_name}}",
        "body": "<p>Welcome to {{organisation.name}}</p>",
        "purpose": "transactional",
    },
)
SMS = node(
    "sms",
    "action",
    actionType="send_sms",
    config={"message": "Hi {{lead.first_name}}!", "purpose": "transactional"},
)
TAG = node("tag", "action", actionType="add_tag", config={"tag": "welcomed"})
WAIT = node("wait", "wait", config={"duration": {"value": 2, "unit": "hours"}})
WARM = node("warm", "condition", config={"field": "score", "operator": "greater_than", "value": 50})

# The lead gets a mail; two hours later the warm ones get a text and a tag, the others a tag.
JOURNEY_NODES = [TRIGGER, EMAIL, WAIT, WARM, SMS, TAG]
JOURNEY_EDGES = [
    edge("t", "mail"),
    edge("mail", "wait"),
    edge("wait", "warm"),
    edge("warm", "sms", "true"),
    edge("warm", "tag", "false"),
    edge("sms", "tag"),
]
