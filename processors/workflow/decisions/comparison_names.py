"""The names of comparisons: definitions spell one in several ways."""

from processors.naming import snake_case

_ALIASES = {
    "==": "equals",
    "=": "equals",
    "eq": "equals",
    "equal": "equals",
    "is": "equals",
    "!=": "not_equals",
    "<>": "not_equals",
    "ne": "not_equals",
    "neq": "not_equals",
    "not_equal": "not_equals",
    "is_not": "not_equals",
    "===": "strict_equals",
    "!==": "strict_not_equals",
    ">": "greater_than",
    "gt": "greater_than",
    "greater": "greater_than",
    ">=": "greater_than_or_equal",
    "gte": "greater_than_or_equal",
    "greater_equal": "greater_than_or_equal",
    "<": "less_than",
    "lt": "less_than",
    "less": "less_than",
    "<=": "less_than_or_equal",
    "lte": "less_than_or_equal",
    "less_equal": "less_than_or_equal",
    "not_in_list": "not_in",
    "exists": "is_set",
    "not_exists": "is_not_set",
    "has_tag": "has_any",
    "contains_any": "has_any",
    "not_has_tag": "has_none",
    "contains_all": "has_all",
    "regex": "matches_regex",
    "matches": "matches_regex",
    "regex_match": "matches_regex",
    "not_regex": "not_matches_regex",
    "is_in": "in",
    "greater_or_equal": "greater_than_or_equal",
    "less_or_equal": "less_than_or_equal",
    "at_least": "greater_than_or_equal",
    "at_most": "less_than_or_equal",
}


def comparison_name(text: str) -> str:
    """The one name of a comparison; one that is unknown keeps its own."""
    name = snake_case(text.strip()).replace(" ", "_").replace("-", "_")
    return _ALIASES.get(name, name)
