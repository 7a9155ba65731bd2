"""The table that a run ends with: what was measured, Atlas and stock RQ side by side."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tests.chaos.oracle import Verdict

_HEADS = ("jobs", "faults", "L", "D1", "rep", "D2", "W", "O", "R s", "exits")

_LEGEND = (
    "L lost, D1 runs beyond the first, rep requests that a key made harmless, D2 doubled effects, "
    "W wrong marks, O orphans, R recovery, exits of workers that nobody killed"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One run's figures. `recovery_s` below 0: not a measurement of this arm."""

    fault: str
    title: str
    arm: str
    seed: int
    jobs: int
    faults: int
    lost: int
    extra_runs: int
    repeats: int
    doubled: int
    wrong: int
    orphans: int
    recovery_s: float
    exits: int
    remark: str = ""

    @classmethod
    def of(
        cls,
        fault: str,
        title: str,
        arm: str,
        seed: int,
        faults: int,
        verdict: Verdict,
        exits: int,
        remark: str = "",
    ) -> "Row":
        figures = asdict(verdict)
        recovery_s = figures.pop("recovery_s")
        if arm != "atlas":
            recovery_s = -1.0
        return cls(
            fault=fault, title=title, arm=arm, seed=seed, faults=faults, exits=exits, remark=remark,
            jobs=figures.pop("acknowledged"), recovery_s=recovery_s, **figures,
        )  # fmt: skip

    def cells(self) -> list[str]:
        recovery = f"{self.recovery_s:.1f}" if self.recovery_s >= 0 else "-"
        counts = (
            self.jobs, self.faults, self.lost, self.extra_runs, self.repeats, self.doubled,
            self.wrong, self.orphans,
        )  # fmt: skip
        return [*(f"{count:,}" for count in counts), recovery, f"{self.exits:,}"]


def summed(rows: Iterable[Row]) -> Row:
    """Several seeds of one fault and arm as one row; the longest recovery."""
    all_rows = list(rows)
    first = asdict(all_rows[0])
    for name in ("jobs", "faults", "lost", "extra_runs", "repeats", "doubled", "wrong", "orphans",
                 "exits"):  # fmt: skip
        first[name] = sum(getattr(row, name) for row in all_rows)
    return Row(**first | {"recovery_s": max(row.recovery_s for row in all_rows), "seed": 0})


def table(rows: Iterable[Row]) -> list[str]:
    """Lines: a row for each fault and seed, and one for each fault."""
    groups: dict[tuple[str, str], dict[int, dict[str, list[Row]]]] = {}
    for row in rows:
        seeds = groups.setdefault((row.fault, row.title), {})
        seeds.setdefault(row.seed, {}).setdefault(row.arm, []).append(row)
    remarks: list[str] = []
    lines = [("fault", "seed", *_HEADS, "RQ:", *_HEADS)]
    total: list[Row] = []
    for (fault, title), seeds in sorted(groups.items(), key=lambda item: _order(item[0][0])):
        arms: dict[str, list[Row]] = {}
        for seed, found in sorted(seeds.items()):
            one = {arm: summed(those) for arm, those in found.items()}
            remarks += [f"{fault} seed {seed}: {r.remark}" for r in one.values() if r.remark]
            for arm, row in one.items():
                arms.setdefault(arm, []).append(row)
            lines.append(_line("", str(seed), one))
        all_seeds = {arm: summed(those) for arm, those in arms.items()}
        total += [all_seeds["atlas"]] if "atlas" in all_seeds else []
        lines.append(_line(f"{fault} {title}", "all", all_seeds))
    return [*_aligned(lines), *remarks, *_conclusion(total)]


def _line(name: str, seed: str, arms: dict[str, Row]) -> tuple[str, ...]:
    blank = [""] * len(_HEADS)
    ours = arms["atlas"].cells() if "atlas" in arms else blank
    theirs = arms["rq"].cells() if "rq" in arms else blank
    return (name, seed, *ours, "|", *theirs)


def _aligned(lines: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _conclusion(total: list[Row]) -> list[str]:
    if not total:
        return []
    jobs, lost = sum(row.jobs for row in total), sum(row.lost for row in total)
    # No failure in n trials bounds the rate at 3/n (95 %).
    bound = f"; at 95 % fewer than {300 / jobs:.4f} %" if not lost else ""
    return [
        _LEGEND,
        f"Atlas: {lost} of {jobs:,} acknowledged jobs lost{bound}",
    ]


def _order(fault: str) -> int:
    return int(fault.removeprefix("F").partition(" ")[0])
