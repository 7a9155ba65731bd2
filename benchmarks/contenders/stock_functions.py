"""The functions that stock RQ runs."""


def noop(n: int) -> dict[str, int]:
    """Nothing."""
    return {"ok": n * 0 + 1}
