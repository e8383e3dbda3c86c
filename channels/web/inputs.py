"""What people and programs send, made harmless at the border: whole numbers, texts, broken form bodies."""

from __future__ import annotations

from types import MappingProxyType

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from aiohttp.web_request import FileField

from hotline.errors import HotlineError
from hotline.i18n import _

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_UTF8 = ("utf-8", "utf8", "us-ascii")
_MACHINES = ("/wechat", "/sms/", "/api/", "/open311/")


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


def is_clean(text: str) -> bool:
    """Whether `text` can be encoded and stored: no NUL, no half of a surrogate pair (bytes that were not UTF-8)."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


@web.middleware
async def input_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse addresses that no page of ours makes, and forget cookies that we cannot have set: all of ours are ASCII."""
    broken = [name for name, value in request.cookies.items() if not value.isascii()]
    if broken:
        kept = {name: value for name, value in request.cookies.items() if name not in broken}
        request._cache["cookies"] = MappingProxyType(kept)  # aiohttp keeps the parsed header there
    told = (request.path, *(part for pair in request.query.items() for part in pair))
    if not request.path.startswith(_MACHINES) and not all(map(is_clean, told)):
        raise BadRequest(_("地址里有不能识别的字符"))
    return await handler(request)


class _Utf8Part(BodyPartReader):
    """A part of a form in UTF-8. Python's other codecs are slow on purpose-made input: punycode takes minutes for 200 KB."""

    def get_charset(self, default: str) -> str:
        """Always UTF-8; ValueError when the part, or a `_charset_` field before it, names another one."""
        named = super().get_charset(default)
        if named.strip().lower().replace("_", "-") not in _UTF8:
            raise ValueError("a part of the form is not in UTF-8")
        return "utf-8"


def _read_parts_as_utf8(request: web.Request) -> None:
    """Let aiohttp's own `post()` read this form with parts of ours."""
    make = request.multipart

    async def multipart() -> MultipartReader:
        reader = await make()
        reader.part_reader_cls = _Utf8Part
        return reader

    request.multipart = multipart  # type: ignore[method-assign]


async def read_form(request: web.Request) -> None:
    """Read a posted form, so that every later `request.post()` has it. Does nothing for other bodies.

    Raises `BadRequest` for what no form of ours sends: another charset than UTF-8, NUL (PostgreSQL cannot store it), halves of
    surrogate pairs, broken bodies.
    """
    if request.method not in request.POST_METHODS or request.content_type not in FORM_TYPES:
        return
    if (request.charset or "utf-8").lower().replace("_", "-") not in _UTF8:
        raise BadRequest(_("提交的内容读不出来，没有保存。请返回上一页再试"))
    if request.content_type == "multipart/form-data":
        _read_parts_as_utf8(request)
    try:
        data = await request.post()
    # aiohttp's parsers raise all of these
    except (ValueError, LookupError, RuntimeError, AssertionError, HttpProcessingError) as error:
        raise BadRequest(_("提交的内容读不出来，没有保存。请返回上一页再试")) from error
    for name, value in data.items():
        shown = value.filename if isinstance(value, FileField) else value
        if not is_clean(name) or (isinstance(shown, str) and not is_clean(shown)):
            raise BadRequest(_("内容里有不能保存的字符，请重新输入"))
