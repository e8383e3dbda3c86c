"""JS-SDK on the pages in WeChat: the signature that lets them use the phone's position and pictures, and the pictures themselves.

A picture goes from the phone to WeChat (uploadImage); the page gives us its number, and the server fetches it by the media API,
checks it like any other upload and names it in the form by a signed value (`channels.portal.kept_files`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from channels.api.limits import Limiter
from channels.portal import in_wechat, kept_files
from channels.web.address import address_of
from channels.web.files import Upload, sniff
from channels.web.keys import CORE, DATABASE, SETTINGS
from channels.wechat.api import LOOPBACK, Client
from channels.wechat.errors import PlatformError, PlatformRefused
from channels.wechat.page_ticket import PageTicket
from hotline import logs
from hotline.errors import HotlineError, InvalidInput, NotFound, Unavailable
from hotline.i18n import _
from hotline.settings import Settings
from ticketing.attachment.service import check

log = logs.get(__name__)
_SCRIPT_HOST, SCRIPT_PATH = "https://res.wx.qq.com", "/open/js/jweixin-1.6.0.js"
_MEDIA = re.compile(r"[A-Za-z0-9_-]{10,128}")
_MAX_AT = 1_000
CLIENT: web.AppKey[Client] = web.AppKey("wechat_page_client")
"""The account's client for pages; missing when no account is configured."""
_PHOTOS: web.AppKey[Limiter] = web.AppKey("wechat_photos")
_TICKET: web.AppKey[PageTicket] = web.AppKey("wechat_page_ticket")


class TooManyPictures(HotlineError):
    """This address has sent so much that it has to wait."""

    status, code = 429, "too_many_files"


def setup(app: web.Application, client: Client) -> None:
    """Called when an account is configured: without one, no page knows of the script."""
    app[CLIENT] = client
    app[_TICKET] = PageTicket(client, app[CORE], app[DATABASE])
    app[_PHOTOS] = Limiter(app[CORE].clock, per_minute=20, burst=90)  # many phones of an operator share one address
    app[in_wechat.SCRIPT] = script_address(app[SETTINGS])
    app.router.add_get("/my/jssdk", sign_page)
    app.router.add_post("/my/photo", fetch_photo)


def script_address(settings: Settings) -> str:
    """Where the platform's script lies; a stand-in of the platform serves it itself."""
    base = settings.wechat_api_base
    return (str(base).rstrip("/") if base.host in LOOPBACK else _SCRIPT_HOST) + SCRIPT_PATH


def signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """As the platform documents it; `url` without what follows #."""
    joined = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url}"
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


async def sign_page(request: web.Request) -> web.Response:
    """GET /my/jssdk?at=/appeal?kind=…: what wx.config wants for one of our own pages; for no other address anything is signed."""
    at = request.query.get("at", "")
    if len(at) > _MAX_AT or not at.startswith("/") or "#" in at or urlsplit(at).path not in in_wechat.PAGES or at.startswith("//"):
        raise NotFound(_("没有找到这个页面。请检查地址，或从首页重新进入"))
    try:
        ticket = await request.app[_TICKET].get()
    except PlatformError as error:
        log.warning("no page ticket", reason=str(error))
        raise Unavailable(_("微信的功能暂时用不了，页面其他部分照常可用")) from None
    settings, nonce = request.app[SETTINGS], secrets.token_hex(8)
    stamp = int(request.app[CORE].clock.now().timestamp())
    signed = signature(ticket, nonce, stamp, settings.web_url + at)
    answer = {"appId": settings.wechat_app_id, "timestamp": stamp, "nonceStr": nonce, "signature": signed}
    return web.json_response(answer, headers={"Cache-Control": "no-store"})


async def fetch_photo(request: web.Request) -> web.Response:
    """POST /my/photo {media}: fetch a picture that this phone has just given to WeChat; answers the value for the form."""
    address = address_of(request)
    if request.app[_PHOTOS].wait_seconds(address):
        raise TooManyPictures(_("附件传得太频繁，请过一会儿再传"))
    media = str((await request.post()).get("media", ""))
    if not _MEDIA.fullmatch(media):
        raise InvalidInput(_("这张照片没有取到，请再选一次"), field="files")
    try:
        body = await request.app[CLIENT].media(media)
    except PlatformRefused:
        raise InvalidInput(_("这张照片没有取到，请再选一次"), field="files") from None
    except PlatformError as error:
        log.warning("picture not fetched", reason=str(error))
        raise Unavailable(_("暂时连不上微信，请再选一次，或用上面的“拍照或选择”")) from None
    kind = sniff(body[:16])
    if kind is None or not kind[0].startswith("image/"):
        raise InvalidInput(_("这不是照片，请换一张"), field="files")
    upload = Upload(_("微信照片") + kind[1], body)
    check(request.app[SETTINGS], upload.body, upload.file_name, from_citizen=True, field="files")
    if request.app[kept_files.HELD_BYTES].wait_seconds(address, len(body)):
        raise TooManyPictures(_("附件传得太频繁，请过一会儿再传"))
    async with request.app[DATABASE].transaction() as session:
        kept = kept_files.of(await kept_files.hold(request, session, upload))
    return web.json_response({"kept": kept_files.sign(request, kept), "name": kept.file_name})
