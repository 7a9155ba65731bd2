"""What is wrong with a definition, or only odd about it: collected, never raised."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem or warning.

    Attributes:
        where: the id of a node or an edge, or '' for the whole definition.
        message: what is wrong and what is allowed.
    """

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


@dataclass(slots=True)
class Findings:
    """What a reading has found so far.

    Attributes:
        problems: each of them keeps the definition from being used.
        warnings: what was left unsaid, and how it is read.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def refuse(self, where: str, message: str) -> None:
        """Note a problem, once."""
        problem = Problem(where, message)
        if problem not in self.problems:
            self.problems.append(problem)

    def warn(self, where: str, message: str) -> None:
        """Note a warning, once."""
        warning = Problem(where, message)
        if warning not in self.warnings:
            self.warnings.append(warning)
