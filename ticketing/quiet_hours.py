"""Two quiet times together: the city's, and those that a citizen or a person of the staff chose besides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

End = Callable[[datetime], datetime]
"""The moment itself, or the end of the quiet time in which it lies."""
_ROUNDS = 3
"""Each quiet time is once a day: what is not found by then is not there."""


def outside_both(moment: datetime, city: End, own: End) -> datetime:
    """The first moment from `moment` on that lies in neither.

    Times that together leave nothing open end with the city's: nobody shuts out a notice for good.
    """
    first = found = city(moment)
    for _round in range(_ROUNDS):
        if own(found) == found:
            return found
        found = city(own(found))
    return first


__all__ = ["outside_both"]
