"""Questions as a recogniser hears them: characters of the same sound, no punctuation, fillers, words left out. By a seed, so repeatable."""

from __future__ import annotations

import random
from functools import lru_cache

from pypinyin import lazy_pinyin

FILLERS = ("嗯", "那个", "呃", "就是", "那个那个", "啊", "这个", "就是说")
SHARE = 0.12
"""Characters that are heard as another one of the same sound. Vosk's small Chinese model errs on about as many on a telephone line."""
_COMMON = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经三之进着等部度家电力里如水化高"
    "自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道"
    "命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期"
    "根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打"
    "白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容"
    "儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却"
    "专状育厂京识适属圆包火住调满县局照参红细引听该铁价严首底液官德随病苏失尔死讲配女黄推显谈罪神艺呢席含企望密批营项防举球英氧势告李台落木帮轮破亚师围注远字材排供"
    "居身份正丢补版假户藉护赵签驾使召婚接昏注册执召税票房租公鸡基金代款贷提曲取社宝堡医疗费保销报消退修休工伤上残疾集低抵保宝救助住主居暖气器停听狗够养氧证政症"
)


@lru_cache(maxsize=1)
def _alike() -> dict[str, tuple[str, ...]]:
    by_sound: dict[str, list[str]] = {}
    for char in dict.fromkeys(_COMMON):
        by_sound.setdefault(lazy_pinyin(char)[0], []).append(char)
    return {sound: tuple(chars) for sound, chars in by_sound.items()}


def mishear(question: str, chance: random.Random) -> str:
    """The question with its noise."""
    heard = []
    for char in question:
        if not "\u4e00" <= char <= "\u9fff":
            continue  # no punctuation
        others = [other for other in _alike().get(lazy_pinyin(char)[0], ()) if other != char]
        if others and chance.random() < SHARE:
            heard.append(chance.choice(others))
        elif chance.random() >= 0.02:
            heard.append(char)
        if chance.random() < 0.06:
            heard.append(chance.choice(FILLERS))
    return (chance.choice(FILLERS) if chance.random() < 0.4 else "") + "".join(heard)
