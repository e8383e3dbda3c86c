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

READING = (
    web.get("/", home.home),
    web.get("/guide", guide.show),
    web.get("/guide/{slug:[a-z0-9-]{1,80}}", guide.article),
    web.get("/guide/{slug:[a-z0-9-]{1,80}}/files/{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}", guide.file),
    web.post("/guide/{slug:[a-z0-9-]{1,80}}/useful", guide.useful),
    web.get("/answers", answers.show),
    web.get("/answers/{id:[0-9]{1,17}}", answers.show_one),
    web.get("/figures", figures.show),
    web.get("/prefs", preferences.choose),
)
"""What anybody reads: the start page, guides, published answers, figures; and how the pages look."""

TALKING = (
    web.get("/call", browser_call.show),
    web.post("/call/pass", browser_call.let_in),
    web.get("/ask", ask.show),
    web.post("/ask", ask.say),
    web.post("/ask/new", ask.restart),
    web.post("/ask/rate", ask.rate),
    web.get("/ask/files/{id}", ask_files.show_file),
    web.get("/ask/transcript", ask_files.transcript),
    web.get("/ask/transcript.txt", ask_files.transcript_text),
    web.get("/ask/talk", ask.talk),
    web.get("/ask/stream", ask.stream),
)
"""The assistant, and a call from the browser."""

APPEALING = (
    web.get("/appeal", appeal.show),
    web.post("/appeal", appeal.submit),
    web.get("/appeal/done", appeal.done),
    web.get("/appeal/held/{token:[A-Za-z0-9_-]{20,80}}", appeal_proof.show_held),
)
"""A new appeal."""

TRACKING = (
    web.get("/track", tracking.show),
    web.post("/track", tracking.open_ticket),
    web.get("/track/files/{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}", tracking.reply_file),
    web.post("/track/leave", tracking.leave),
    web.get("/track/rate", tracking.rate_page),
    web.post("/track/rate", tracking.post_rate),
    web.get("/track/supplement", tracking.supplement_page),
    web.post("/track/supplement", tracking.post_supplement),
    web.post("/track/urge", tracking.post_urge),
    web.post("/track/withdraw", tracking.post_withdraw),
    web.post("/track/reopen", tracking.post_reopen),
    web.post("/track/object", tracking.post_object),
    web.get("/r/{token:[A-Za-z0-9_-]{20,80}}", rating.show),
    web.post("/r/{token:[A-Za-z0-9_-]{20,80}}", rating.submit),
)
"""One ticket, opened by its number and code, or rated by its link."""

OWN = (
    web.get("/mine", own.show),
    web.post("/mine", own.prove),
    web.post("/mine/code", own.send),
    web.post("/mine/told", own.choose),
    web.post("/mine/open", own.open_one),
    web.post("/mine/leave", own.leave),
)
"""Everything of a number that was proved."""


def setup(app: web.Application) -> None:
    """Add the pages."""
    _limit(app)
    app.middlewares.insert(0, preferences.language_middleware)
    for area in (READING, TALKING, APPEALING, TRACKING, OWN):
        app.router.add_routes(area)


def _limit(app: web.Application) -> None:
    """How often one address, or one number, may do what costs us something or could be tried out."""
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
