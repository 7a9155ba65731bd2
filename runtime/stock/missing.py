"""Which part of a dotted name does not exist: RQ says "Invalid attribute name" of all of them."""

import importlib


def why_missing(name: str) -> str:
    """Why a function cannot be found by its dotted name; '' if it can.

    Looks as RQ does (rq/utils.py, import_attribute): what is no module may be a class in one.

    Raises:
        Exception: whatever a module raises while it is imported.
    """
    parts = name.split(".")
    reason = f"{name!r} names no module: a function's name is module.function"
    for end in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:end])
        try:
            found: object = importlib.import_module(module_name)
        except ImportError as error:
            if error.name and f"{module_name}.".startswith(f"{error.name}."):
                reason = f"there is no module {module_name!r}"
                continue
            return f"the module {module_name!r} cannot be imported: {error}"
        where = module_name
        for part in parts[end:-1]:
            if not hasattr(found, part):
                return f"there is nothing named {part!r} in {where!r}"
            found, where = getattr(found, part), f"{where}.{part}"
        if not hasattr(found, parts[-1]):
            return f"there is no function {parts[-1]!r} in {where!r}"
        return ""
    return reason
