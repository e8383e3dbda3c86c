"""What a sentence claims that somebody could act on: numbers with their units, dates, fees, telephone numbers, places, addresses.

For one question only: does a rephrased answer say anything of that kind that its article does not say? Both texts go through the same
extraction, so that 二十元, 20元 and 20块钱 are one claim, and 二十天 and 二十个工作日 are two. When in doubt something counts as a claim:
an answer refused without need costs a nicer wording, an invented fee costs trust.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import cn2an

from chatbot.places import gazetteer

_DIGITS = "零〇幺一二两三四五六七八九"
_PLAIN = str.maketrans({"〇": "零", "幺": "一", "两": "二", "廿": "二十"})
_FIGURES = str.maketrans("零〇幺一二两三四五六七八九", "0011223456789")
_NO_CLAIM = re.compile(
    r"一下|一般|一起|一定|一些|一样|一直|一旦|一并|一律|一致|一共|一边|一会儿?|一点儿?(?![\d零一二三四五六七八九十半])|一次性|万一|统一|唯一|同一|单一|十分|千万(?=[别不要请])|第一(?=[，,、次步])|"
    r"(?<![分])之一|一[个位下件项种样](?!工作日|自然日|月|小时|星期|年)"
)
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟萬億兩", "一二三四五六七八九十百千万亿两")
_LIST_NUMBER = re.compile(r"(?m)^\s*\d{1,2}[.、)]\s*(?!\d)")
_HALF_DAY = re.compile(r"(?P<half>上午|早上|凌晨|下午|傍晚|晚上)(?P<hour>\d{1,2}|[一二三四五六七八九十]{1,2})(?=[点时])")
_CLOCK = re.compile(r"(\d{1,2})[:：](\d{2})")
_PERCENT = re.compile(rf"百分之([{_DIGITS}十百千点\d.]+)")
_TELEPHONE = re.compile(r"(?<![\d.])\+?\d(?:[ -]?\d){4,}(?![\d.]|[ -]\d)")
_WEEKDAY = re.compile(r"(?:周|星期|礼拜)([一二三四五六日天末1-7])(?!岁|年|期)")
_SAME_UNIT = {
    "钟头": "小时",
    "周岁": "岁",
    "块": "元",
    "号": "日",
    "星期": "周",
    "礼拜": "周",
    "名": "人",
    "平米": "平方米",
    "时": "点",
    "层": "楼",
}
_OWN_UNIT = """
    工作日 自然日 个月 月 小时 分钟 岁 万元 元 角 天 日 年 周 份 张 寸 次 人 户 平方米 公里 米 点 分 % 折 倍 级 楼 条 款 步 类 本 套
    栋 室 窗口 路
"""
_UNITS = {**{unit: unit for unit in _OWN_UNIT.split()}, **_SAME_UNIT}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?:(?P<arabic>\d+(?:,\d{{3}})*(?:\.\d+)?)(?P<times>[千万亿]?)|(?P<han>[{_DIGITS}十百千万亿廿]+|半))(?:个(?!月))?(?P<unit>{_UNIT})?"
)
_RELATIVE = (
    "今天",
    "明天",
    "后天",
    "昨天",
    "当天",
    "当场",
    "次日",
    "上午",
    "下午",
    "中午",
    "晚上",
    "夜间",
    "周末",
    "节假日",
    "工作日",
    "全天",
    "随时",
)
_CLASSES = {
    "free": re.compile(r"免费|不收费|不收任何费|不要钱|不用交?钱|不用花钱|不花钱|无需缴费|不用缴费"),
    "fee": re.compile(r"(?<!不)(?<!免)收费(?!标准)|(?<!不)要钱|(?<!不)(?<!用)(?<!需)交钱|缴费|工本费|手续费|押金"),
    "not needed": re.compile(r"不需要|不用|无需|不必|无须|免于|免提交"),
    "not allowed": re.compile(r"不能|不得|不可以|不允许|禁止|不予|不可"),
}
_KINDS = (
    "路|街|大道|巷|弄|号楼|大厦|广场|中心|大厅|派出所|分局|支队|大队|车管所|社区|居委会|村委会|街道办|街道办事处|办事处|医院|银行|车站|公园|学校|"
    "交易所|登记处|民政局|人社局|公安局|税务局|医保局|教育局|城管局|管理局|委员会|服务站|服务点|便民站|营业厅|超市|邮局|法院|公证处|小区|花园|区|县"
)
_PLACE = re.compile(rf"[\u4e00-\u9fff]{{0,12}}?(?:{_KINDS})(?![\u4e00-\u9fff]{{0,1}}(?:分|别|域))")
_BEFORE_A_PLACE = re.compile(r".*[到去在往向由找的是和与及请您让把可就或者、带上持凭]")
_LATIN = re.compile(r"[a-z0-9][a-z0-9.:/@_?=&%-]*[a-z][a-z0-9./@_?=&%-]*|[a-z]+", re.IGNORECASE)


@dataclass(frozen=True)
class Claims:
    """What a text says that can be right or wrong."""

    facts: frozenset[str]
    places: frozenset[str]
    text: str
    """Without blanks, half-width: places are looked for in it."""

    def missing_in(self, source: Claims) -> frozenset[str]:
        """What this says and `source` does not."""
        unknown = self.facts - source.facts
        return unknown | {place for place in self.places if place not in source.text}


def claims(text: str) -> Claims:
    """The claims of a text."""
    plain = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf").translate(_FORMAL)
    plain = _HALF_DAY.sub(_hour_of_day, _CLOCK.sub(_clock, _LIST_NUMBER.sub("", plain)))
    bare = re.sub(r"\s+", "", plain)
    facts = {f"{name}" for name, pattern in _CLASSES.items() if pattern.search(bare)}
    without_spans = re.sub(r"个?工作日内|[\d一二三四五六七八九十两]+个?工作日", "", bare)
    facts |= {word for word in _RELATIVE if word in without_spans}
    facts |= {f"weekday {_weekday(found[1])}" for found in _WEEKDAY.finditer(bare)}
    facts |= {f"latin {found[0].lower().rstrip('./')}" for found in _LATIN.finditer(plain)}
    facts |= _numbers(plain)
    return Claims(frozenset(facts), _places(bare), bare)


def _clock(found: re.Match[str]) -> str:
    return f"{int(found[1])}点" + ("" if found[2] == "00" else f"{int(found[2])}分")


def _hour_of_day(found: re.Match[str]) -> str:
    hour = int(float(_value(found["hour"])))
    return str(hour + 12 if found["half"] in ("下午", "傍晚", "晚上") and hour < 12 else hour)


def _weekday(sign: str) -> str:
    return {"日": "7", "天": "7", "末": "7"}.get(sign, sign.translate(_FIGURES))


def _numbers(plain: str) -> set[str]:
    plain = _WEEKDAY.sub(" ", _NO_CLAIM.sub(" ", plain))
    plain = re.sub(r"[点时]半", "点30分", plain)
    plain = re.sub(r"[点时]钟", "点", plain)
    plain = _PERCENT.sub(lambda found: f"{_value(found[1])}%", plain)
    found = {f"telephone {re.sub(r'[^0-9]', '', match[0])}" for match in _TELEPHONE.finditer(plain)}
    plain = _TELEPHONE.sub(" ", plain)
    for match in _NUMBER.finditer(re.sub(r"(?<=\d) (?=\D)|(?<=\D) (?=\d)", "", plain)):
        found.add(_claim(match))
    return found


def _claim(match: re.Match[str]) -> str:
    unit = _UNITS.get(match["unit"] or "", "")
    if match["arabic"]:
        value = _value(match["arabic"].replace(",", "") + match["times"])
        digits = match["arabic"]
    else:
        value, digits = _value(match["han"]), match["han"].translate(_FIGURES)
        if match["han"] != "半" and not re.search(r"[十百千万亿廿]", match["han"]):
            value = digits if len(digits) > 1 else value
    if len(digits) >= 5 and digits.isdigit():
        return f"telephone {digits}"
    return f"{value}{unit}"


def _value(written: str) -> str:
    """One way of writing each number: 二十, 20 and 20.0 are the same."""
    if written == "半":
        return "0.5"
    try:
        value = cn2an.cn2an(written.translate(_PLAIN), "smart")
    except (ValueError, KeyError, IndexError):
        return written  # nothing that is read as a number: only the very same signs are the same claim
    return f"{float(value):.4f}".rstrip("0").rstrip(".")


def _places(bare: str) -> frozenset[str]:
    """Names of the city, and whatever ends like the name of a place, without the words before it."""
    found = {name for name in gazetteer().names if name in bare}
    for match in _PLACE.finditer(bare):
        name = _BEFORE_A_PLACE.sub("", match[0])
        found.add(name or match[0])
    return frozenset(found)
