"""Understands a sentence without Rasa, for the time when it is down or slow: rules first, then Rasa's example sentences."""

from __future__ import annotations

import re
from dataclasses import replace

from chatbot import hearing
from chatbot.examples import examples
from chatbot.facts import has_matter
from chatbot.intents import Hint, Intent
from chatbot.rules import suspicion_in
from knowledge.search.words import simplify

_GREET = re.compile(r"(?:你好|您好|喂|hi|hello|在吗|早上好|下午好|晚上好|上午好|哈喽|嗨)+(?:啊|呀|吗)?", re.IGNORECASE)
_THANKS = re.compile(r"(?:好的?|嗯|哦)*(?:非常|太|多)?(?:谢谢|感谢|多谢|谢了|辛苦)(?:你|您|了|啊|啦|你们|大家)*")
_GOODBYE = re.compile(
    r"(?:好的?|嗯|那|就这样|行|没有了|没事了|没别的了|不用了|谢谢|谢谢你)*(?:再见|拜拜|挂了|先挂了|bye|没事了|没别的事了)(?:啊|吧|了)*",
    re.IGNORECASE,
)
_PROGRESS = re.compile(
    r"(?:查|问|看|了解|知道).{0,6}(?:进度|进展|办到|处理|结果|工单|单子)|进度|进展|(?:工单|单子|投诉|反映|登记|诉求).{0,10}(?:怎么样|什么情况|到哪|结果|办好|处理了|解决了?没|多久|回复|回音|下文)|"
    r"(?:怎么|为什么|咋).{0,4}(?:还没|没有?).{0,4}(?:回复|回音|处理|解决|消息)|上次.{0,8}(?:投诉|反映|登记|说的)|催(?:一下|一催|办)"
)
_HOW_TO_PROGRESS = re.compile(r"(?:怎么|如何|在哪里?|哪里)查")
_COMPLAINT = re.compile(
    r"投诉|举报|反映|曝光|太吵|吵死|噪音|噪声|扰民|臭|恶臭|异味|脏|垃圾(?:没|堆|成堆|满|到处)|没人管|没人来|不作为|乱收费|多收|坑|漏水|渗水|停水了|停电了|没水|没电|不热|坏了|"
    r"破损|塌|裂|堵(?:了|住|得)|占(?:道|用|了)|乱停|违停|违建|拖欠|不发工资|欠薪|不退|骗|欺诈|态度(?:差|不好|恶劣)|井盖|积水|油烟|施工|半夜|天天|一直没|反复|危险|掉下来|不合理|太过分|不给|不修(?!改)|没人修|(?<!管)不管(?!不|是)|不理(?:我|人|睬)"
)
_REPORT_VERB = re.compile(r"^(?:我|我们)?(?:要|想|来)?(?:投诉|举报|反映|报修|登记|报一下)")
_FEEDBACK = re.compile(r"建议|提(?:个|点|一点|几点)?意见|表扬|点赞|点个赞|感谢信|锦旗|希望(?:政府|你们|能|可以)")
_SUSPECTED = 0.3
"""From here on a suspicion of danger counts by itself: this classifier has no ear for it that could confirm one (chatbot.verdict)."""
_ABOUT = re.compile(r"你是(?:谁|机器人|人吗|真人|ai)|你叫什么|你会(?:什么|干什么|做什么)|你能(?:做|干|帮)|是机器人", re.IGNORECASE)


def looks_like_complaint(text: str) -> bool:
    """Whether it tells of something that is wrong, with or without the word complaint."""
    said = simplify(text)
    return bool(_REPORT_VERB.search(said) or _COMPLAINT.search(said) or _FEEDBACK.search(said))


def classify(text: str) -> Hint:
    """The most likely intent; `nlu_fallback` when none fits."""
    said = hearing.clean(simplify(text))
    for intent, pattern in ((Intent.GREET, _GREET), (Intent.GOODBYE, _GOODBYE), (Intent.THANKS, _THANKS)):
        if pattern.fullmatch(said):
            return Hint(intent, 0.95)
    for intent, whole in ((Intent.CANCEL, hearing.is_cancel), (Intent.AFFIRM, hearing.is_yes), (Intent.DENY, hearing.is_no)):
        if whole(text):
            return Hint(intent, 0.9)
    if hearing.is_skip(text):
        return Hint(Intent.SKIP, 0.9)
    if _ABOUT.search(said):
        return Hint(Intent.ABOUT_BOT, 0.8)
    found = _by_matter(said)
    return replace(found, danger=_SUSPECTED) if suspicion_in(text, _SUSPECTED) is not None else found


def _by_matter(said: str) -> Hint:
    if _REPORT_VERB.search(said) and not (hearing.is_question(said) and _HOW_TO_PROGRESS.search(said)):
        return Hint(Intent.FILE_COMPLAINT, 0.9 if has_matter(said) else 0.95)
    if _PROGRESS.search(said) and not _HOW_TO_PROGRESS.search(said):
        return Hint(Intent.QUERY_PROGRESS, 0.7)
    if _FEEDBACK.search(said) and not hearing.is_question(said):
        return Hint(Intent.FEEDBACK, 0.7)
    if hearing.is_question(said):
        return Hint(Intent.ASK_GUIDE, 0.6)
    if _COMPLAINT.search(said):
        return Hint(Intent.FILE_COMPLAINT, 0.8)
    return examples().classify(said)
