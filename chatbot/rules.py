"""What is found by rule before anything else: danger, and the wish for a person. Rasa may be down, these may not fail.

Danger is heard by `ticketing.suggestion.emergency` (words and a small classifier), the same for the bot and for the urgency of a ticket.
"""

from __future__ import annotations

import re

from chatbot.hearing import clean
from ticketing.suggestion.emergency import Danger, danger_in, doubt_in, suspicion_in

__all__ = ["Danger", "danger_in", "doubt_in", "is_angry", "suspicion_in", "wants_person"]


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives))


_DOES = "(?!修|看|管|处理|清|收|弄|查|拆|搬|装|挖)"
"""«Get somebody to mend it» is a complaint, «get somebody to talk to me» is not."""
_PERSON = _any(
    "转人工|人工(?:服务|坐席|客服|台|接听|热线)|真人|活人|接线员|话务员|坐席|(?:转|找|要|叫|接|换|呼叫|连)[^，。]{0,3}客服|^客服|客服[在吗呢]*$|接(?:通)?人工|要人工|找人工|换人工|人工人工|^人工$",
    "找(?:个|一个|你们|你们的)?(?:人|领导|工作人员)(?:来|说|聊|接|跟|问|$)" + _DOES,
    "(?:跟|和|与|同)(?:个)?(?:人|真人|工作人员)(?:说|讲|聊|通话|对话)",
    "(?:不|别)(?:要|想|跟|和|让|叫)[^，。]{0,4}机器",
    "(?:叫|换|喊|让)(?:个|一个|你们|你们的)?(?:人|真人|工作人员|领导)(?:来|接|说|跟|听|$)" + _DOES,
    "人(?:来)?(?:接|听)(?:一下)?电话|有没有人(?:啊|在|接电话|接一下|接$|$)",
    "(?:管事|值班|会听人话|能听懂|懂行|主事|负责)(?:儿)?的?(?:人)?(?:出来|接|来|听电话)|(?:接|转|转到|转去)(?:一下)?(?:你们)?(?:值班|值班室|值班员|总台)",
)
_NOT_PERSON = _any(
    "(?:不用|不要|不需要|不必|别|无需|先不)(?:转|找|接|要|再)?(?:人工|真人|客服|话务员)",
    "人工(?:智能|费|湖|流产|增雨|降雨|授精|窗口|河)|银行客服",
    "没人接(?:听)?(?:一下)?电话|天天换人|(?:每趟|每次|老是)换|活人墓|接线员(?:态度|不|说|骂|挂)|给人干|人家",
    "(?:投诉|举报|反映)[^，。]{0,12}客服|客服(?:态度|电话|不|说|没|骗|推)",
)


def wants_person(text: str) -> bool:
    """Whether a person is asked for in so many words; also the single key 0."""
    said = clean(text)
    if said in ("0", "零", "人工"):
        return True
    return bool(_PERSON.search(said)) and not _NOT_PERSON.search(said)


_ANGRY_AT_US = re.compile(
    "(?:你|你们|这|破|什么)[^，。]{0,4}(?:有病|智障|脑残|傻[子逼叉]|蠢货|废物|白痴|放屁|滚蛋|去死|有毛病)|他妈的|妈的|操你|滚开|闭嘴|"
    "(?:破|烂|垃圾|傻|笨|蠢)(?:机器|机器人|系统|助手|热线|玩意)|(?:机器人?|你)[^，。]{0,4}(?:听不懂人话|白痴|烦死|真烦|耍我|糊弄)|(?:跟你|和你)[^，。]{0,3}(?:说不通|说不清|废话)|气死我了你|你烦不烦"
)
_MOST_ANGRY = 24


def is_angry(text: str) -> bool:
    """Whether a short sentence is anger at the assistant itself; a long one tells a matter, however angrily, and is taken down."""
    said = clean(text)
    return len(said) <= _MOST_ANGRY and bool(_ANGRY_AT_US.search(said))
