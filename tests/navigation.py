"""Opening a page in a browser whose open page may reload itself: the one place that knows how the two can meet.

A page of a ticket shows what another person did by loading itself anew. When that happens in the moment in which a test
goes to the same page, the browser reports the test's navigation as interrupted. Only that is tried again.
"""

from __future__ import annotations

from typing import Any

_TRIES = 5


def was_interrupted(error: Exception) -> bool:
    """Whether a navigation was overtaken by another one of the page itself, and nothing else."""
    return "interrupted by another navigation" in str(error)


async def goto(page: Any, url: str) -> Any:
    """`page.goto` of playwright's async interface."""
    for _ in range(_TRIES - 1):
        try:
            return await page.goto(url)
        except Exception as error:
            if not was_interrupted(error):
                raise
    return await page.goto(url)


def goto_now(page: Any, url: str) -> Any:
    """`page.goto` of playwright's blocking interface."""
    for _ in range(_TRIES - 1):
        try:
            return page.goto(url)
        except Exception as error:
            if not was_interrupted(error):
                raise
    return page.goto(url)
