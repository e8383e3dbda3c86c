"""Posters with a unit's own WeChat code: one printable HTML file, a page of A4 each, its pictures inside it.

The codes are permanent (QR_LIMIT_STR_SCENE, 100,000 for one account); the same scene always gives the same code.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat.api import Client
from channels.wechat.scenes import scene_of
from hotline.errors import InvalidInput, NotFound
from ticketing.people.models import Unit

_STYLE = """@page { size: A4; margin: 20mm } body { margin: 0; font-family: "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #111 }
section { box-sizing: border-box; height: 255mm; text-align: center; page-break-after: always; padding-top: 25mm }
h1 { font-size: 34pt; margin: 0 0 6mm } h2 { font-size: 22pt; font-weight: normal; margin: 0 0 14mm } img { width: 110mm; height: 110mm }
p { font-size: 18pt; margin: 8mm 0 0 }"""


async def units_for(session: AsyncSession, codes: Sequence[str]) -> list[Unit]:
    """The units with these codes, in this order; without codes every street and town (level 3). Raises NotFound, InvalidInput."""
    if not codes:
        return list(await session.scalars(select(Unit).where(Unit.level == 3).order_by(Unit.id)))
    found = {unit.code: unit for unit in await session.scalars(select(Unit).where(Unit.code.in_(codes)))}
    if missing := [code for code in codes if code not in found]:
        raise NotFound("没有这些单位：{codes}", codes="、".join(missing))
    if long := [code for code in codes if len(scene_of(found[code])) > 64]:
        raise InvalidInput("单位代码太长，不能做场景值：{codes}", codes="、".join(long))
    return [found[code] for code in codes]


async def document(client: Client, units: Sequence[Unit], *, city: str, line: str) -> str:
    """The posters as HTML. Raises `channels.wechat.errors.PlatformError`; making them again is free of harm."""
    pages = []
    for unit in units:
        picture = await client.code_picture(await client.scene_code(scene_of(unit)))
        data = base64.b64encode(picture).decode()
        pages.append(
            f"<section><h1>{escape(city)}{escape(line)}热线</h1><h2>{escape(unit.name)}</h2>"
            f'<img alt="微信二维码" src="data:image/jpeg;base64,{data}">'
            f"<p>微信扫一扫，反映问题、查询进度</p><p>也可拨打 {escape(line)}</p></section>"
        )
    head = f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>二维码海报</title><style>{_STYLE}</style></head><body>'
    return head + "\n".join(pages) + "</body></html>\n"
