"""The style page (样张): every component of the templates in every state, drawn by the macros that the pages use. Demo only.

`/console/style?theme=dark&density=compact&mode=elder` shows the modes; tests look at each with axe-core.
"""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from channels.console.pages import page
from channels.web.keys import CORE, SETTINGS
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.words import table

STAGES = {
    "calm": "剩 3个工作日",
    "white": "剩 1个工作日",
    "amber": "剩 2小时10分",
    "yellow": "超时 3小时",
    "red": "超时 1天4小时",
    "paused": "计时暂停",
    "done": "提前 1天",
}
"""Every stage of a clock with words as `ticketing.deadline` gives them."""
NOTES = {
    "": "派单后，承办单位2小时内签收。",
    "amber": "这个电话今天已反映过同一件事，建议并单。",
    "red": "没有保存：网络断开。内容还在本页，请稍后再试。",
    "ok": "已办结。7天内市民可以要求重办。",
}
"""Notices by kind; the first has no kind."""
TOKENS = (
    *("bg", "surface", "surface-2", "surface-3", "line", "line-strong", "ink", "ink-2", "ink-3"),
    *("brand", "brand-strong", "brand-soft", "brand-line", "deep", "deep-2", "ok", "ok-soft", "amber", "amber-soft", "red", "red-soft"),
    *("violet", "violet-soft", "card-yellow", "card-red", "c1", "c2", "c3", "c4", "c5", "c6"),
    *("heat-0", "heat-1", "heat-2", "heat-3", "heat-4"),
)
"""The colours of tokens.css that pages may use."""
PROBLEMS = {"address": "请填写地点，例如路名和小区名"}
"""One wrong field, as a form gets it back."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/style, in the demo only: an installation has no sample texts beside real ones."""
    if not request.app[SETTINGS].demo:
        raise NotFound(_("没有这个页面"))
    now = request.app[CORE].clock.now()
    return page(
        request,
        "console/style.html",
        nav="style",
        states={name: table(name) for name in ("state", "assignment", "article")},
        stages=STAGES,
        notes=NOTES,
        tokens=TOKENS,
        problems=PROBLEMS,
        moment=now - timedelta(minutes=42),
    )


def setup(app: web.Application) -> None:
    """Add the page to the web application."""
    app.router.add_get("/console/style", show)
