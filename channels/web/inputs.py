"""What people and programs send, made harmless at the border: whole numbers, texts, broken form bodies."""

from __future__ import annotations

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from hotline.errors import HotlineError
from hotline.i18n import _

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_MACHINES = ("/wechat", "/api/", "/open311/")


class BadRequest(HotlineError):
    """The request cannot be understood; nothing was done."""


def whole_number(text: str | None, *, most: int = 2**53) -> int | None:
    """The number that `text` writes in ASCII digits, or None. Never raises: `"²".isdigit()` is true and `int("²")` fails."""
    if not text or not (text.isascii() and text.isdecimal()) or len(text) > 17:
        return None
    value = int(text)
    return value if value <= most else None


def page_number(text: str | None) -> int:
    """A page of a list, from 1 to 1000; 1 when it makes no sense."""
    return min(max(whole_number(text) or 1, 1), 1000)


@web.middleware
async def input_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what no form of ours sends: NUL characters (PostgreSQL cannot store them) and bodies that cannot be read."""
    if request.path.startswith(_MACHINES):
        return await handler(request)
    if "\0" in request.path or any("\0" in value for value in request.query.values()):
        raise BadRequest(_("地址里有不能识别的字符"))
    if request.method == "POST" and request.content_type in FORM_TYPES:
        try:
            data = await request.post()
        # aiohttp's parsers raise all of these
        except (ValueError, LookupError, RuntimeError, AssertionError, HttpProcessingError) as error:  # the parsers raise all of these
            raise BadRequest(_("提交的内容读不出来，没有保存。请返回上一页再试")) from error
        if any(isinstance(value, str) and "\0" in value for value in data.values()):
            raise BadRequest(_("内容里有不能保存的字符，请重新输入"))
    return await handler(request)
