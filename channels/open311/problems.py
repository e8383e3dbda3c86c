"""What was wrong with a request, all at once, as GeoReport v2 tells it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One thing to mend. `code` is the HTTP status that this problem alone would give."""

    code: int
    description: str


class Refused(Exception):
    """The request cannot be carried out; nothing was written."""

    def __init__(self, *problems: Problem) -> None:
        """At least one problem."""
        super().__init__("；".join(problem.description for problem in problems))
        self.problems = problems

    @property
    def status(self) -> int:
        """The status of the whole answer: that of the problems when they agree, else 400."""
        codes = {problem.code for problem in self.problems}
        return codes.pop() if len(codes) == 1 else 400


@dataclass
class Problems:
    """Collects problems while a request is read, so that the client hears of all of them in one answer."""

    found: list[Problem] = field(default_factory=list)

    def add(self, description: str, *, code: int = 400) -> None:
        """Note one problem."""
        self.found.append(Problem(code, description))

    def refuse_if_any(self) -> None:
        """Raises `Refused` with everything that was noted."""
        if self.found:
            raise Refused(*self.found)
