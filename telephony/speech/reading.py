"""Text as it is read aloud: everything that is not a Chinese character or a pause becomes one, or goes.

espeak-ng reads digits in ways nobody says, letters in English, and drops or spells out signs (docs/speech.md lists
what was measured). So nothing but Chinese characters and Chinese punctuation reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from telephony.speech.numerals import cardinal, decimal, one_by_one, slowly, spelled, telephone

MAX_SPOKEN = 1200
"""Characters that one call of `readable` may yield: about four minutes of speech."""

_Match = re.Match[str]

_WORDS = {
    # erhua words that the voice spells in English
    "小孩儿": "小孩", "一会儿": "稍后", "一点儿": "一点", "有点儿": "有点", "哪儿": "哪里", "这儿": "这里", "那儿": "那里", "玩儿": "玩",
    "事儿": "事",
    # words that the voice reads wrongly, written with characters of the right sound
    "严重影响": "严仲影响", "还款": "环款", "还清": "环清", "归还": "归环", "退还": "退环", "返还": "返环", "偿还": "偿环",
    "不给": "步给",
    # syllables that it can't say at all
    "兄": "希拥", "凶": "希拥", "胸": "希拥", "汹": "希拥", "雄": "希拥", "熊": "希拥", "穷": "七拥", "琼": "七拥", "窘": "几永",
    "炯": "几永",
}  # fmt: skip
_UNITS = {
    "㎡": "平方米", "m²": "平方米", "m2": "平方米", "m³": "立方米", "km²": "平方公里", "km/h": "公里每小时", "kwh": "千瓦时", "km": "公里",
    "cm": "厘米", "mm": "毫米",
    "kg": "公斤", "kw": "千瓦", "db": "分贝", "ml": "毫升", "℃": "摄氏度", "°c": "摄氏度", "°": "度", "g": "克", "m": "米",
    "l": "升", "t": "吨",
}  # fmt: skip
_KNOWN_WORDS = {"WIFI": "无线网", "APP": "应用软件", "OK": "好", "VIP": "贵宾", "EMAIL": "电子邮箱", "QQ": "酷酷"}
_MEASURES = "个位名次天条份张件家户年周岁元块角分秒小点级楼层栋号室路车套间页字步种类项本台部所处倍人口米公千万亿多周栏寸"
_PAIR = "个位名次天条份张件家户周岁元块种类项本台部所处倍只辆座"
"""Measure words before which 2 is 两."""
_SHORT_LINES = r"110|119|120|122|114|12\d{3}|95\d{3}|96\d{3,4}|100\d{2}|1[3-9]\d{9}|400-?\d{3}-?\d{4}|800-?\d{3}-?\d{4}|0\d{2,3}-?\d{7,8}"
_END = r"(?![\d.])"
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"


def _date(m: _Match) -> str:
    year, month, day = m["y"], int(m["m"]), int(m["d"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return m[0]
    return f"{one_by_one(year)}年{cardinal(str(month))}月{cardinal(str(day))}日"


def _clock(hour: str, minute: str) -> str:
    minutes = int(minute)
    tail = "" if not minutes else "半" if minutes == 30 else ("零" if minutes < 10 else "") + cardinal(str(minutes)) + "分"
    h = int(hour)
    return ("两" if h == 2 else cardinal(str(h))) + "点" + tail


def _time(m: _Match) -> str:
    if int(m["h"]) > 24 or int(m["mi"]) > 59:
        return m[0]
    seconds = cardinal(m["s"]) + "秒" if m["s"] and int(m["s"]) else ""
    return _clock(m["h"], m["mi"]) + seconds


def _money(m: _Match) -> str:
    return decimal(m["n"]) + (m["u"] or "") + "元"


def _percent(m: _Match) -> str:
    return ("千分之" if m["p"] == "‰" else "百分之") + decimal(m["n"])


def _fraction(m: _Match) -> str:
    return f"{cardinal(m[2])}分之{cardinal(m[1])}"


def _range(m: _Match) -> str:
    return f"{m[1]}到"


def _counted(m: _Match) -> str:
    number, after = m[1], m[2]
    if number == "2" and after in _PAIR:
        return "两" + after
    return decimal(number) + after


def _plain(m: _Match) -> str:
    digits = m[0]
    if "." in digits or "," in digits or len(digits) <= 4:
        return decimal(digits)
    return telephone(digits) if len(digits) >= 7 or digits.startswith("0") else cardinal(digits)


def _unit(m: _Match) -> str:
    return m[1] + _UNITS[m[2].lower()]


def _word(m: _Match) -> str:
    return _KNOWN_WORDS.get(m[0].upper().replace("-", ""), spelled(m[0]))


_unit_names = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[_Match], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), how)
    for pattern, how in (
        (r"https?://[^\s，。；）]+|www\.[^\s，。；）]+", "网站"),
        (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", "电子邮箱"),
        # ticket numbers, then codes that mix letters and digits
        (r"(?<![\dA-Z])\d{3,8}-\d{8}-\d{3,8}(?!\d)", lambda m: slowly(m[0])),
        (r"(?<![A-Z\d])(?=[A-Z\d-]*\d)(?=[A-Z\d-]*[A-Z])[A-Z\d]{5,}(?:-[A-Z\d]+)*(?![A-Z\d])", lambda m: slowly(m[0])),
        # dates and times
        (r"(?<!\d)(?P<y>(?:19|20)\d{2})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)", _date),
        (r"(?<!\d)((?:19|20)\d{2})(?=年)", lambda m: one_by_one(m[1])),
        (r"(?<!\d)((?:19|20)\d{2})\s*[-—–~～至]\s*(?=(?:19|20)\d{2}年)", lambda m: one_by_one(m[1]) + "到"),
        (r"(?<=[\d日号])\s*[—–~～-]{1,2}\s*(?=\d{1,2}[:：])", "到"),
        (r"(?<![\d:：])(?P<h>\d{1,2})[:：](?P<mi>[0-5]\d)(?:[:：](?P<s>[0-5]\d))?(?![\d:：])", _time),
        # telephone numbers
        (r"(?<!\d)(?:\+?86[- ]?)?(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?!\d)", lambda m: "，".join(telephone(p) for p in m.groups())),
        (rf"(?<![\d.])(?:{_SHORT_LINES})(?![\d.%％‰]|[{_MEASURES}])", lambda m: _line(m[0])),
        # amounts
        (rf"[¥￥]\s*(?P<n>{_NUMBER})(?P<u>[万亿]?)元?", _money),
        (rf"(?P<n>{_NUMBER})\s*(?P<p>[%％‰])", _percent),
        (rf"(?<=\d)\s*[—–~～-]\s*(?={_NUMBER})", "到"),
        (r"(?<![\d/.])(\d{1,2})/(\d{1,3})(?![\d/.])", _fraction),
        (r"(?<![A-Z\d.])-(?=\d+(?:\.\d+)?\s*(?:度|℃|°))", "零下"),
        (rf"({_NUMBER})\s*({_unit_names})(?![A-Z])", _unit),
        (rf"(?<![\d.,])(\d+)({'[' + _MEASURES + ']'})", _counted),
        (rf"(?<![A-Z\d.])-(?:{_NUMBER})", lambda m: decimal(m[0])),
        (rf"{_NUMBER}", _plain),
        (r"[A-Z]+(?:-[A-Z]+)*", _word),
    )
)


def _line(number: str) -> str:
    groups = number.split("-") if "-" in number else [number[:3], number[3:7], number[7:]] if len(number) == 10 else [number]
    return "，".join(telephone(group) for group in groups if group)


_NORMAL = str.maketrans(
    "０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ．－",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-",
)
_PAUSES = ((re.compile(r"[\n\r]+"), "。"), (re.compile(r"[,;:|；：、…—–→]+|\.{2,}"), "，"), (re.compile(r"[.!?！？]+"), "。"))
_SIGNS = {"+": "加", "&": "和", "=": "等于", "×": "乘", "℃": "度", "/": "或", "～": "到", "~": "到", "№": "第"}
_KEPT = re.compile(r"[^\u3400-\u4dbf\u4e00-\u9fff，。]+")
_DOUBLED = re.compile(r"[，。]*([，。])[，。]*")


def readable(text: str) -> str:
    """`text` in Chinese characters, ， and 。 only, in the words in which a person would read it aloud.

    Longer results end at a sentence before `MAX_SPOKEN` characters. Empty when there is nothing to say.
    """
    out = text[: 4 * MAX_SPOKEN].translate(_NORMAL)
    for pattern, how in _RULES:
        out = pattern.sub(how, out)
    for wrong, right in _WORDS.items():
        out = out.replace(wrong, right)
    for pattern, pause in _PAUSES:
        out = pattern.sub(pause, out)
    for sign, word in _SIGNS.items():
        out = out.replace(sign, word)
    out = _KEPT.sub("", re.sub(r"[（）()\[\]【】《》<>“”\"'‘’「」*#]+", "，", out))
    out = _DOUBLED.sub(_strongest, out).strip("，").removeprefix("。")
    return _bounded(out)


def _strongest(m: _Match) -> str:
    return "。" if "。" in m[0] else "，"


def _bounded(text: str) -> str:
    if len(text) <= MAX_SPOKEN:
        return text
    cut = text.rfind("。", 0, MAX_SPOKEN)
    return text[: cut + 1] if cut > 0 else text[:MAX_SPOKEN]


def sentences(text: str, longest: int = 90) -> list[str]:
    """Split readable text into pieces of at most `longest` characters at its pauses, for speaking one after the other."""
    pieces: list[str] = []
    for sentence in re.findall(r"[^。]+。?", text):
        for part in _halves(sentence, longest):
            if pieces and len(pieces[-1]) + len(part) <= longest // 2:
                pieces[-1] += part
            else:
                pieces.append(part)
    return pieces


def _halves(sentence: str, longest: int) -> list[str]:
    if len(sentence) <= longest:
        return [sentence]
    cut = sentence.rfind("，", 0, longest) + 1 or longest
    return [sentence[:cut], *_halves(sentence[cut:], longest)]
