"""The editor's page of the assistant (机器人): example sentences and their conflicts, trainings and their progress, models."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE, SETTINGS
from chatbot.intents import Intent
from chatbot.learning import evaluation, examples, jobs
from chatbot.learning.models import Purpose, TrainingState
from chatbot.learning.registry import ModelInfo, Registry
from chatbot.rasa_files import RasaFiles
from hotline.errors import HotlineError, InvalidInput
from hotline.i18n import _, texts

NAV = "bot"
STATES = texts(
    {
        TrainingState.WAITING.value: "等待开始",
        TrainingState.RUNNING.value: "正在训练",
        TrainingState.LIVE.value: "已启用",
        TrainingState.REFUSED.value: "未启用",
        TrainingState.FAILED.value: "失败",
    }
)
PHASES = texts(
    {
        "bot model: Rasa trains": "正在学习例句",
        "bot model: examined on held-out sentences": "正在用检验句考核",
    }
)
PURPOSES = texts({Purpose.LEARN.value: "用来学习", Purpose.CHECK.value: "用来检验（不参加学习）"})


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/bot."""
    require_may(request, examples.PERMISSION)
    return await _respond(request, {})


async def progress(request: web.Request) -> web.StreamResponse:
    """GET /console/bot/progress: the list of trainings, asked for again while one is open."""
    require_may(request, examples.PERMISSION)
    async with request.app[DATABASE].transaction() as session:
        trainings = await jobs.recent(session)
    return page(request, "console/_bot_trainings.html", nav=NAV, **_words(), trainings=trainings)


async def add_example(request: web.Request) -> web.StreamResponse:
    """POST /console/bot/examples."""
    person, form = require_may(request, examples.PERMISSION), await request.post()
    typed = {name: str(form.get(name, ""))[:300] for name in ("text", "intent", "purpose")}
    try:
        if typed["intent"] not in {intent.value for intent in examples.INTENT_NAMES} or typed["purpose"] not in PURPOSES:
            raise InvalidInput(_("请选择这句话的意思和用途"), field="intent")
        async with request.app[DATABASE].transaction() as session:
            await examples.add(
                request.app[CORE],
                session,
                person.actor,
                Intent(typed["intent"]),
                typed["text"],
                purpose=Purpose(typed["purpose"]),
                anyway=form.get("anyway") == "1",
            )
    except InvalidInput as problem:
        return await _respond(request, typed, problem)
    return see_other(request, "/console/bot", "example_added")


async def remove_example(request: web.Request) -> web.StreamResponse:
    """POST /console/bot/examples/{id}/remove."""
    person = require_may(request, examples.PERMISSION)
    async with request.app[DATABASE].transaction() as session:
        await examples.remove(request.app[CORE], session, person.actor, whole_number(request.match_info["id"]) or 0)
    return see_other(request, "/console/bot", "example_removed")


async def train(request: web.Request) -> web.StreamResponse:
    """POST /console/bot/train: ask for a training; with `back_to`, for an earlier model."""
    person, form = require_may(request, examples.PERMISSION), await request.post()
    back_to = str(form.get("back_to", ""))[:60] or None
    try:
        if back_to is not None:
            await asyncio.to_thread(_registry(request).find, back_to)
        async with request.app[DATABASE].transaction() as session:
            await jobs.ask(request.app[CORE], session, person.actor, back_to=back_to)
    except HotlineError as problem:
        return await _respond(request, {}, problem)
    return see_other(request, "/console/bot", "training_asked")


def _registry(request: web.Request) -> Registry:
    return RasaFiles.of(request.app[SETTINGS]).registry


def _models(registry: Registry) -> tuple[str | None, list[ModelInfo]]:
    return registry.live(), registry.models()


def _words() -> dict[str, Any]:
    names = {intent.value: name for intent, name in examples.INTENT_NAMES.items()}
    return {"states": STATES, "phases": PHASES, "purposes": PURPOSES, "intents": names, "open_states": jobs.OPEN}


async def _respond(request: web.Request, typed: dict[str, str], problem: HotlineError | None = None) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        own, trainings = await examples.listed(session), await jobs.recent(session)
    live, models = await asyncio.to_thread(_models, _registry(request))
    words = {**_words(), "own": own, "trainings": trainings, "live": live, "models": models, "typed": typed}
    words |= {"problem": str(problem) if problem else "", "field": problem.field if isinstance(problem, InvalidInput) else ""}
    words |= {"heldout": len(evaluation.heldout()), "offered": request.app[SETTINGS].bot_enabled}
    return page(request, "console/bot.html", nav=NAV, status=problem.status if problem else 200, **words)
