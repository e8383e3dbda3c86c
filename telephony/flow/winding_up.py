"""After the hang-up: the last words are stored, an open form becomes a ticket, a promise becomes a return call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotline.errors import Unavailable
from hotline.logs import get
from telephony.flow.pending import Said

if TYPE_CHECKING:
    from telephony.flow.call import Call

log = get(__name__)
_OUR_FAULT = ("error", "shutdown")
"""End reasons of calls that we cut off: who had said something is called back."""


async def wind_up(call: Call, reason: str, rest: list[Said], seconds: float) -> None:
    """Write down how the call ended.

    Args:
        call: the call, already hung up and no longer heard.
        reason: its end reason.
        rest: what was heard and nobody has taken yet.
        seconds: length of the recording.
    """
    record = call.record
    left = [*call.unanswered, *rest]
    if not record.outage:
        try:
            await _store(call, left)
            if call.waiting:
                await record.owe("hung_up_in_queue")
            elif reason in _OUR_FAULT and record.anything_said:
                await record.owe("process_died")
            elif not await record.owe_for_form() and call.owed_unless_registered:
                await record.owe_unless_registered(call.owed_unless_registered)
            await record.end(reason, seconds)
        except Unavailable as error:
            log.warning("call_end_not_written", call=str(call.leg.id), reason=str(error))
        except Exception:  # whatever it is: the file keeps the call, and a person reads the log
            log.exception("call_end_not_written", call=str(call.leg.id))
        else:
            return
    promised = "hung_up_in_queue" if call.waiting else "outage"
    record.keep(*left, owed=promised if record.anything_said else None)
    record.keep_end(reason, seconds)


async def _store(call: Call, left: list[Said]) -> None:
    """Store what is left; the bot hears it too (it may complete the form), unless a person was asked for."""
    record = call.record
    for said in left:
        if call.talk is None or call.waiting or record.conversation_id is None or record.person_has_it:
            await record.said(said)
            continue
        try:
            turn = await call.parts.bot.turn(record.conversation_id, said.text, external_id=said.external_id, data=said.data)
        except Unavailable:
            raise
        except Exception:  # a fault of the bot costs the caller nothing that was said
            log.exception("bot_failed", call=str(call.leg.id))
            await record.said(said)
            call.waiting = True
            continue
        if turn.handover:
            await record.queue(turn.handover_reason or "asked")
            call.waiting = True
