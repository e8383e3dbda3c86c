"""Numbers and query codes of some of the invented citizens, so that who tries the demo can look at their pages too.

Real query codes exist in clear only with the citizen; those of invented people may lie in the demo's data folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from hotline.demo.stage import Life, Script, Stage

FILE_NAME = "codes.txt"
WORDS = {
    "need_info": "等市民补充材料",
    "to_dispatch": "等派单",
    "in_progress": "承办单位在办",
    "suspended": "挂账，等条件具备",
    "disputed": "两家单位有争议，等裁定",
    "merged": "并入另一件一起办",
    "reply_review": "已答复，中心在审核",
    "callback": "等市民评价（可以自己评）",
    "answered": "当场答复，等市民评价",
    "closed": "已办结，七天内可以要求重办",
    "rejected": "不予受理，可以提出异议",
    "withdrawn": "市民撤回",
}


async def newest(stage: Stage, scripts: list[Script]) -> list[str]:
    """One line for the newest ticket in each state that a citizen can do something about, or wonders about."""
    lives = sorted((script.life for script in scripts if script.life.query_code), key=lambda life: -life.ticket_id)
    lines: dict[str, str] = {}
    for life in lives:
        state = await _state(stage, life)
        if state in WORDS and state not in lines:
            lines[state] = f"{(await life.ticket(stage)).number} {life.query_code} {WORDS[state]}"
    return [lines[state] for state in WORDS if state in lines]


async def _state(stage: Stage, life: Life) -> str:
    ticket = await life.ticket(stage)
    answered_at_once = ticket.state == "closed" and not life.assignment_id  # nothing to open again
    return "" if ticket.confidentiality == "secret" or answered_at_once else ticket.state


def write(data_dir: Path, lines: list[str]) -> None:
    """Readable by us alone."""
    with os.fdopen(os.open(data_dir / FILE_NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write("# 查进度用：编号 查询码 现在的状态\n" + "".join(f"{line}\n" for line in lines))
