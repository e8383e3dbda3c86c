"""Pages of the portal that do more inside WeChat: the platform's script (JS-SDK), allowed there and nowhere else.

The channel sets `SCRIPT` when an account is configured (`channels.wechat.jssdk`). Then, and only for WeChat's own browser, three pages
carry that one script and name its address in their Content-Security-Policy. Without it they work as everywhere.
"""

from __future__ import annotations

from aiohttp import web

from channels.web.middleware import content_security_policy

SCRIPT: web.AppKey[str] = web.AppKey("wechat_page_script")
"""Address of the platform's script."""
REMIND = "/my/remind"
PAGES = frozenset({"/appeal", "/track/supplement", REMIND})
_FRAMES = "https://*.qq.com webcompt:"
"""What the platform's documentation asks for where its tag (wx-open-subscribe) stands."""


def is_wechat(request: web.Request) -> bool:
    """Whether the browser says that it is WeChat's. It may lie: nothing but the offer of a button depends on it."""
    return "micromessenger" in request.headers.get("User-Agent", "").lower()


def script_of(request: web.Request) -> str:
    """Address of the platform's script for this page; empty where it has no place."""
    return request.app.get(SCRIPT, "") if request.path in PAGES and is_wechat(request) else ""


def allow(request: web.Request, response: web.Response) -> None:
    """Let the page load the platform's script, if it has a place on it."""
    script = script_of(request)
    if script:
        policy = content_security_policy(scripts=script, frames=_FRAMES if request.path == REMIND else "")
        response.headers["Content-Security-Policy"] = policy
