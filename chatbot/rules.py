"""What is found by rule before anything else: danger, and the wish for a person. Rasa may be down, these may not fail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from chatbot.hearing import clean


class Danger(StrEnum):
    """Which emergency line is the right one."""

    FIRE = "fire"
    GAS = "gas"
    INJURY = "injury"
    CRIME = "crime"
    LIFE = "life"
    """Somebody speaks of ending a life."""
    TRAFFIC = "traffic"


@dataclass(frozen=True)
class _Rule:
    danger: Danger
    pattern: re.Pattern[str]


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives))


_RULES = (
    _Rule(
        Danger.LIFE,
        _any("跳楼|跳河|想自杀|要自杀|自杀了|自杀|不想活|活不下去", "想死|割腕|轻生|寻短见|喝农药|同归于尽|往下跳|要跳下|跳下来"),
    ),
    _Rule(
        Danger.GAS,
        _any(
            "(?:煤气|燃气|天然气|液化气|气管)[^，。？]{0,4}(?:泄漏|泄露|漏气|漏了|在漏|爆炸)",
            "(?:闻到|有|一股)[^，。？]{0,4}(?:煤气|燃气)味",
            "煤气中毒|一氧化碳中毒",
        ),
    ),
    _Rule(
        Danger.FIRE,
        _any("着火|起火|失火|着大火|火灾|冒(?:大|浓|黑)烟|烧起来|爆炸", "被困(?:在)?(?:火|电梯)|困在(?:火|电梯)|火很大|^火警$"),
    ),
    _Rule(
        Danger.CRIME,
        _any(
            "救命|杀人|砍人|持刀|拿刀|抢劫|被抢|绑架|强奸|正在打人|打起来了|在打架|打架打|有人打我|家暴|入室|小偷在",
            "^报警$|拐卖|拐小孩|孩子不见了|小孩走丢|孩子走丢|老人走丢|老人走失|炸弹",
        ),
    ),
    _Rule(
        Danger.TRAFFIC,
        _any("车祸|撞(?:到|了|死|伤)人|出交通事故|发生(?:了)?交通事故|翻车|被车撞(?:了|倒|伤|死|飞)(?!站|护栏)|人被[^，。]{0,4}撞"),
    ),
    _Rule(
        Danger.INJURY,
        _any(
            "有人受伤|受了?重伤|大出血|流(?:了)?(?:好多|很多)血|晕倒|昏倒|昏迷|没有?呼吸|没气了|喘不上气|心脏病(?:犯|发)",
            "^急救$|心梗|中风了|触电|溺水|落水|掉(?:到|进)?(?:水|河|井)里|食物中毒|快不行了|要生了|叫救护车|^救护车$|摔倒[^，。]{0,3}不动",
            "没(?:了|有)?反应了?$|没(?:了|有)?意识|不省人事|倒在[^，。]{0,4}(?:没|不)(?:动|反应|醒)|掉进?池塘|掉进[^，。]{0,3}(?:水|河|湖|塘|井)",
        ),
    ),
)
_NOT_NOW = re.compile(
    r"万一|如果|要是|假如|容易|隐患|会不会|以防|预防|防止|怕(?:会|以后)?|担心|工伤|认定|赔偿|理赔|补助|证明|去年|前年|上个?月|上周|上星期|以前|之前|曾经|怎么申请|"
    r"手续|材料|规定|条例|演练|知识|灭火器|消防通道|保险|险种|后遗症|报销|早就|几年前|警示"
)
_CERTAIN = re.compile(r"救命|快来|正在|现在|马上|刚刚|赶紧|出人命|快不行|不想活|想死|想自杀|要自杀|闻到|一股")

_DOES = "(?!修|看|管|处理|清|收|弄|查|拆|搬|装|挖)"
"""«Get somebody to mend it» is a complaint, «get somebody to talk to me» is not."""
_PERSON = _any(
    "转人工|人工(?:服务|坐席|客服|台|接听|热线)|真人|活人|接线员|话务员|坐席|客服|接(?:通)?人工|要人工|找人工|换人工|人工人工|^人工$",
    "找(?:个|一个|你们|你们的)?(?:人|领导|工作人员)(?:来|说|聊|接|跟|问|$)" + _DOES,
    "(?:跟|和|与|同)(?:个)?(?:人|真人|工作人员)(?:说|讲|聊|通话|对话)",
    "(?:不|别)(?:要|想|跟|和|让|叫)[^，。]{0,4}机器",
    "(?:叫|换|喊|让)(?:个|一个|你们|你们的)?(?:人|真人|工作人员|领导)(?:来|接|说|跟|听|$)" + _DOES,
    "人(?:来)?(?:接|听)(?:一下)?电话|有没有人(?:啊|在|接|$)",
)
_NOT_PERSON = _any(
    "(?:不用|不要|不需要|不必|别|无需|先不)(?:转|找|接|要|再)?(?:人工|真人|客服|话务员)",
    "人工(?:智能|费|湖|流产|增雨|降雨|授精|窗口|河)|银行客服",
    "(?:投诉|举报|反映)[^，。]{0,12}客服|客服(?:态度|电话|不|说|没|骗|推)",
)


def danger_in(text: str) -> Danger | None:
    """The emergency that is going on, or None. Talk about rules, fears and last year's fire is none."""
    said = clean(text)
    for rule in _RULES:
        if rule.pattern.search(said):
            if rule.danger is Danger.LIFE or _CERTAIN.search(said):
                return rule.danger
            return None if _NOT_NOW.search(said) else rule.danger
    return None


def wants_person(text: str) -> bool:
    """Whether a person is asked for in so many words; also the single key 0."""
    said = clean(text)
    if said in ("0", "零", "人工"):
        return True
    return bool(_PERSON.search(said)) and not _NOT_PERSON.search(said)
