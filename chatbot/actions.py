"""The action endpoint: Rasa has decided what a citizen wants and calls here; the answer is found, done and stored.

Rasa is told only what it needs to go on: whether the form is open, and identifiers. What was said to the citizen stays in
our database, from where the waiting turn reads it.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from aiohttp import web

from chatbot.dialogue import note_rasa_form
from chatbot.engine import respond_in
from chatbot.intents import UNSURE, Hint, Intent
from chatbot.rasa_client import FORM, derive, read_turn_token
from chatbot.rasa_files import ACTIONS_PATH
from chatbot.reply import Turn
from hotline import logs
from hotline.database import Database
from hotline.errors import HotlineError
from ticketing.context import Core
from ticketing.conversation.service import get_conversation

LOG = logs.get(__name__)
ANSWER = "action_answer"
VALIDATE = f"validate_{FORM}"
MAX_BODY = 2 * 1024 * 1024
"""A tracker of a long conversation stays far below this."""


def create_app(core: Core, database: Database, ready: Callable[[], Awaitable[str | None]]) -> web.Application:
    """The application.

    Args:
        ready: tells what is missing for full service, None when nothing is (for /healthz).
    """
    expected = f"Bearer {derive(core.secret, 'rasa-actions')}".encode()

    async def act(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(errors="replace"), expected):
            raise web.HTTPUnauthorized
        try:
            call = _Call(await request.json())
        except (ValueError, KeyError, TypeError) as error:
            raise web.HTTPBadRequest(text=f"not a Rasa action call: {error}") from error
        if call.action not in (ANSWER, VALIDATE):
            return web.json_response({"error": "unknown action", "action_name": call.action}, status=404)
        try:
            return web.json_response(await _perform(core, database, call))
        except HotlineError as error:
            LOG.warning("action.failed", error=error.code)
            return web.json_response({"error": error.code}, status=error.status if error.status >= 500 else 500)

    async def healthz(_request: web.Request) -> web.Response:
        missing = await ready()
        return web.json_response({"ready": missing is None, "why": missing}, status=200 if missing is None else 503)

    app = web.Application(client_max_size=MAX_BODY)
    app.add_routes([web.post(ACTIONS_PATH, act), web.get("/healthz", healthz)])
    return app


class _Call:
    """A parsed action call; raises KeyError, ValueError or TypeError when it is none."""

    def __init__(self, body: Any) -> None:
        tracker = body["tracker"]
        message = tracker["latest_message"]
        self.action = str(body["next_action"])
        self.conversation_id = UUID(str(body["sender_id"]))
        self.token = str((message.get("metadata") or {}).get("turn", ""))
        self.form_active = (tracker.get("active_loop") or {}).get("name") == FORM
        self.hint = _hint(message.get("intent") or {}, message.get("intent_ranking") or [])


def _hint(intent: dict[str, Any], ranking: list[dict[str, Any]]) -> Hint:
    danger = max((float(one.get("confidence") or 0.0) for one in ranking if one.get("name") == Intent.EMERGENCY.value), default=0.0)
    try:
        return Hint(Intent(str(intent.get("name"))), float(intent.get("confidence") or 0.0), danger)
    except ValueError:
        return UNSURE


async def _perform(core: Core, database: Database, call: _Call) -> dict[str, Any]:
    message_id = read_turn_token(core.secret, call.conversation_id, call.token)
    if message_id is None:
        LOG.warning("action.forged", conversation=str(call.conversation_id))
        raise web.HTTPForbidden(text="this turn was not begun by the hotline")
    async with database.transaction() as session:
        conversation = await get_conversation(session, call.conversation_id, lock=True)
        turn = await respond_in(core, session, conversation, message_id, call.hint)
        form_open = conversation.draft is not None
        note_rasa_form(conversation, form_open)
        step = (conversation.draft or {}).get("form", {}).get("asking") or "confirm"
    if turn is None:
        raise web.HTTPInternalServerError(text="no answer")
    return {"events": _events(call, form_open, step), "responses": [{"custom": _custom(turn)}] if turn.answers else []}


def _events(call: _Call, form_open: bool, step: str) -> list[dict[str, Any]]:
    """What brings Rasa's picture in line with the draft in our database."""
    if call.action == VALIDATE:
        if form_open:
            return [{"event": "slot", "name": "complaint_step", "value": step}]
        return [{"event": "slot", "name": "complaint_step", "value": None}, {"event": "slot", "name": "requested_slot", "value": None}]
    if form_open:
        return [{"event": "followup", "name": FORM}]
    return [{"event": "active_loop", "name": None}] if call.form_active else []


def _custom(turn: Turn) -> dict[str, Any]:
    """Identifiers only: no text, no query code, no personal data gets into Rasa's tracker."""
    articles = [{"id": answer.article_id, "version": answer.article_version} for answer in turn.answers if answer.article_id]
    return {
        "articles": articles,
        "ticket": turn.ticket.number if turn.ticket else None,
        "handover": turn.handover,
        "handover_reason": turn.handover_reason,
        "choices": sum(len(answer.choices) for answer in turn.answers),
        "finished": turn.finished,
    }
