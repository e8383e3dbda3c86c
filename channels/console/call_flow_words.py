"""What differs between two call flows, place by place and in words: for who checks their own change and for the second person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hotline.i18n import _, texts
from ticketing.call_flow.document import Document, Hours

WORDS = texts(
    {
        "numbers": "被叫号码", "steps": "步骤", "name": "名称", "language": "语言", "dialect": "方言坐席", "say": "说什么",
        "person": "人工", "hours": "时间", "closed": "没有人在岗时说", "queue": "排队", "calendar": "哪些天", "from": "从", "to": "到",
        "until": "到哪天", "days": "星期", "screen": "骚扰号码", "greet": "问候", "announce": "公告", "straight": "老年人直接转人工",
        "talk": "说话", "message": "留言", "emergency": "紧急", "prompts": "话术", "opening": "开场白", "notice": "一次性告知",
        "closing": "结束语", "chat": "常用语", "silence": "没有听到", "no-match": "没有听懂", "then": "然后", "default": "其他号码走的流程",
        "tongues": "语言和方言", "timeout": "振铃（秒）", "wrapuptime": "话后整理（秒）", "maxlen": "最多等待人数",
        "max-wait": "最长等待（秒）", "return-call-after": "几秒后提供回拨，0不提供", "announce-frequency": "报位间隔（秒）",
    }
)  # fmt: skip
"""Keys of the document; another one shows itself."""
_DAYS = texts({"any": "每天", "work": "工作日", "rest": "休息日"})
_ALWAYS = Hours().model_dump(mode="json", by_alias=True)


class Difference(NamedTuple):
    """One place."""

    where: str
    before: str
    after: str


def differences(before: Document, after: Document) -> list[Difference]:
    """Every place whose content differs, in the order of the document; the version's own number is left out."""
    was, now = dict(_places(before)), dict(_places(after))
    paths = [*now, *(path for path in was if path not in now)]
    return [
        Difference(_where(path, after if path in now else before), was.get(path, ""), now.get(path, ""))
        for path in paths
        if was.get(path) != now.get(path)
    ]


def _places(document: Document) -> Iterator[tuple[tuple[str, ...], str]]:
    yield from _walk((), document.model_dump(mode="json", by_alias=True, exclude={"version"}))


def _walk(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    if value == _ALWAYS:
        yield path, _("任何时候")
    elif isinstance(value, dict):
        for key, each in value.items():
            if key != "step":
                yield from _walk((*path, key), each)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        seen: dict[str, int] = {}
        for each in value:
            kind = str(each.get("step", "")) if isinstance(each, dict) else ""
            seen[kind] = seen.get(kind, 0) + 1
            named = (*path, kind) if kind else path
            yield from _walk((*named, str(seen[kind])) if seen[kind] > 1 else named, each)
    elif isinstance(value, list):
        yield path, "、".join(map(str, value))
    elif value is not None:
        yield path, _(_DAYS[value]) if path[-1] == "calendar" and value in _DAYS else str(value)


def _where(path: tuple[str, ...], document: Document) -> str:
    first, *rest = path
    if first == "flows":
        flow = document.flows.get(rest[0])
        return "，".join([flow.name if flow else rest[0], *_in_words(rest[1:])])
    if first == "queues":
        queue = document.queues.get(rest[0])
        return "，".join([_("队列 {name}").format(name=queue.name if queue else rest[0]), *_in_words(rest[1:])])
    return "，".join(_in_words(list(path)))


def _in_words(keys: list[str]) -> list[str]:
    return [_(WORDS[key]) if key in WORDS else key for key in keys if key != "steps"]
