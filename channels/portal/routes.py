"""Addresses of the citizens' portal."""

from __future__ import annotations

from collections import Counter

from aiohttp import web

from channels.api.limits import Limiter
from channels.portal import (
    answers,
    appeal,
    appeal_proof,
    ask,
    ask_files,
    browser_call,
    figures,
    flood,
    guide,
    home,
    kept_files,
    own,
    preferences,
    rating,
    tracking,
)
from channels.web.keys import CORE, SETTINGS


def setup(app: web.Application) -> None:
    """Add the pages."""
    clock = app[CORE].clock
    app[ask.TURNS] = Limiter(clock, per_minute=60, burst=60)
    app[appeal.SUBMISSIONS] = Limiter(clock, per_minute=20, burst=30)
    app[flood.GATE] = flood.Gate(clock, app[SETTINGS].portal_quiet_appeals)
    app[kept_files.HELD_FILES] = Limiter(clock, per_minute=3 * appeal.MAX_FILES / 60, burst=3 * appeal.MAX_FILES)
    app[kept_files.HELD_BYTES] = Limiter(clock, per_minute=kept_files.MAX_HELD_BYTES / 60, burst=kept_files.MAX_HELD_BYTES)
    app[tracking.SUPPLEMENTS] = Limiter(clock, per_minute=1 / 2, burst=6)
    app[tracking.TRIES] = Limiter(clock, per_minute=4, burst=12)
    app[tracking.TRIES_OF_NUMBER] = Limiter(clock, per_minute=10, burst=50)
    app[own.CODES] = Limiter(clock, per_minute=1 / 2, burst=5)
    app[own.CODE_TRIES] = Limiter(clock, per_minute=4, burst=12)
    app[guide.USEFUL_TRIES] = Limiter(clock, per_minute=2, burst=20)
    app[rating.LINK_TRIES] = Limiter(clock, per_minute=30, burst=60)
    app[browser_call.CALLS] = Limiter(clock, per_minute=2, burst=4)
    app[ask.STREAMS] = Counter()
    app.middlewares.insert(0, preferences.language_middleware)
    add_get, add_post = app.router.add_get, app.router.add_post
    add_get("/", home.home)
    add_get("/guide", guide.show)
    add_get("/guide/{slug:[a-z0-9-]{1,80}}", guide.article)
    add_get("/guide/{slug:[a-z0-9-]{1,80}}/files/{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}", guide.file)
    add_post("/guide/{slug:[a-z0-9-]{1,80}}/useful", guide.useful)
    add_get("/answers", answers.show)
    add_get("/answers/{id:[0-9]{1,17}}", answers.show_one)
    add_get("/figures", figures.show)
    add_get("/call", browser_call.show)
    add_post("/call/pass", browser_call.let_in)
    add_get("/prefs", preferences.choose)
    add_get("/ask", ask.show)
    add_post("/ask", ask.say)
    add_post("/ask/new", ask.restart)
    add_post("/ask/rate", ask.rate)
    add_get("/ask/files/{id}", ask_files.show_file)
    add_get("/ask/transcript", ask_files.transcript)
    add_get("/ask/transcript.txt", ask_files.transcript_text)
    add_get("/ask/talk", ask.talk)
    add_get("/ask/stream", ask.stream)
    add_get("/appeal", appeal.show)
    add_post("/appeal", appeal.submit)
    add_get("/appeal/done", appeal.done)
    add_get("/appeal/held/{token:[A-Za-z0-9_-]{20,80}}", appeal_proof.show_held)
    add_get("/track", tracking.show)
    add_post("/track", tracking.open_ticket)
    add_get("/track/files/{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}", tracking.reply_file)
    add_post("/track/leave", tracking.leave)
    add_get("/track/rate", tracking.rate_page)
    add_post("/track/rate", tracking.post_rate)
    add_get("/track/supplement", tracking.supplement_page)
    add_post("/track/supplement", tracking.post_supplement)
    add_post("/track/urge", tracking.post_urge)
    add_post("/track/withdraw", tracking.post_withdraw)
    add_post("/track/reopen", tracking.post_reopen)
    add_post("/track/object", tracking.post_object)
    add_get("/mine", own.show)
    add_post("/mine", own.prove)
    add_post("/mine/code", own.send)
    add_post("/mine/told", own.choose)
    add_post("/mine/open", own.open_one)
    add_post("/mine/leave", own.leave)
    add_get("/r/{token:[A-Za-z0-9_-]{20,80}}", rating.show)
    add_post("/r/{token:[A-Za-z0-9_-]{20,80}}", rating.submit)
