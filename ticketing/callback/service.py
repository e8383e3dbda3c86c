"""The names that channels use; each idea has a module of its own.

`review` T20/T21, `tasks` the queue, `attempts` tries to reach the citizen, `visit` answers and second visits, `redo` further
rounds, `robot` machines that call, `links` the rating page by SMS, `batch` the sweep, `return_calls` 回拨.
"""

from ticketing.callback.attempts import record_attempt
from ticketing.callback.questionnaire import CallbackResult
from ticketing.callback.redo import may_reopen, reopen, reopen_days
from ticketing.callback.return_calls import finish_return_call
from ticketing.callback.review import GATES, review
from ticketing.callback.tasks import open_callback, open_task
from ticketing.callback.visit import close_disputed, decide_redo, finish_callback

__all__ = [
    "GATES",
    "CallbackResult",
    "close_disputed",
    "decide_redo",
    "finish_callback",
    "finish_return_call",
    "may_reopen",
    "open_callback",
    "open_task",
    "record_attempt",
    "reopen",
    "reopen_days",
    "review",
]
