"""How the person behind the token is told: by group of notices, own quiet hours, the digest (`ticketing.supervision.wishes`)."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Sent, Told
from channels.web.hours import hour_of, quiet_of
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.supervision import wishes

TAG = "市民信息与通知"
HourText = Annotated[str, Field(max_length=5, description="本市时间，例如08:30；空是没有")]


class WishOut(Told):
    """What holds for the caller: the own choice, else what the role has."""

    groups: dict[str, str] = Field(description="每一类提醒：now马上，digest进汇总，list只在提醒页")
    quiet_from: str
    quiet_to: str
    digest: bool
    digest_at: str


class NewWish(Sent):
    """The whole choice; groups that are left out are as the role has them."""

    groups: dict[str, str] = Field(default={}, max_length=50)
    quiet_from: HourText = ""
    quiet_to: HourText = ""
    digest: bool
    digest_at: HourText = Field(default="", description="空是本市规定的时间")


async def show(call: Call) -> WishOut:
    """What holds."""
    return _out(await wishes.own(call.session, call.actor))


async def choose(call: Call) -> WishOut:
    """Keep a choice."""
    sent = call.sent(NewWish)
    quiet = quiet_of(sent.quiet_from, sent.quiet_to)
    choice = wishes.Choice(sent.groups, quiet, digest=sent.digest, digest_at=_digest_at(sent.digest_at))
    return _out(await wishes.choose(call.core, call.session, call.actor, choice))


def _digest_at(text: str) -> time:
    found = hour_of(text) if text else wishes.load().digest.at
    if found is None:
        raise InvalidInput(_("请写成08:30这样的时间"), field="digest_at")
    return found


def _out(wish: wishes.Wish) -> WishOut:
    start, end = (f"{moment:%H:%M}" for moment in wish.quiet) if wish.quiet else ("", "")
    groups = {group: how.value for group, how in wish.groups.items()}
    return WishOut(groups=groups, quiet_from=start, quiet_to=end, digest=wish.digest, digest_at=f"{wish.digest_at:%H:%M}")


OPERATIONS = (
    Operation("GET", "/inbox/wishes", show, "getNoticeWishes", TAG, "我的提醒设置", answer=WishOut),
    Operation("PUT", "/inbox/wishes", choose, "setNoticeWishes", TAG, "修改我的提醒设置", answer=WishOut, body=NewWish),
)
