"""What single sentences say: a matter or only the wish to complain, a name, a place in words."""

from __future__ import annotations

import re

from chatbot import hearing
from chatbot.places import find_time, gazetteer

_WISH = re.compile(
    r"(?:你好|您好|喂|那个|嗯|请问)*(?:我|我们)?(?:就)?(?:要|想|想要|需要|来|得|打算|有)?(?:帮我|跟你们|向你们|给你们)?"
    r"(?:投诉|举报|反映|登记|报修|报一下|提|求助|反馈|说|问)?(?:一下|一|个|点|些|件)*"
    r"(?:(?:我们|我|咱们|这边|你们|他们)?(?:小区|家|单位|村里?|楼里?|公司|学校|街道|这儿|这里|这边)?(?:那边|里面|附近)?的?(?:一个|一些|一点|个|点)?)"
    r"(?:问题|情况|事情|事儿|事|诉求|意见|建议|投诉|举报|诉求登记|登记)?(?:下来)?(?:吧|啊|呢|可以吗|行吗)?"
)
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_OTHER_WORD = re.compile(r"[^\W\d_]{2,}")
_VAGUE = re.compile(r"(?:就)?(?:在)?(?:我家|我们家|家里|这里|这儿|那里|那边|这边|门口|楼下|楼上|我们小区|小区里?|附近|旁边)(?:呀|啊|吧)?")


def has_matter(text: str) -> bool:
    """Whether a sentence says a matter, more than «I want to complain». Other languages count from two words on."""
    said = hearing.clean(text)
    if len(_CHINESE.findall(said)) < 2:
        return len(_OTHER_WORD.findall(text)) >= 2
    return len(said) >= 4 and not _WISH.fullmatch(said)


def is_vague_place(text: str) -> bool:
    """Whether a place is named that only the speaker knows: here, at home, downstairs."""
    return bool(_VAGUE.fullmatch(hearing.clean(text)))


_NAME = re.compile(
    r"(?:我(?:的名字)?(?:姓名)?叫(?:做)?|我的名字是|姓名是?|名字叫?|叫我)(?P<full>[\u4e00-\u9fff·]{2,4}?)(?=[，,。\s吧就了电手联]|$)|"
    r"(?:我|免贵)?姓(?P<family>(?:欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|[\u4e00-\u9fff]))(?!名)(?:，|,|\s)?(?P<title>先生|女士|小姐|师傅|阿姨|大爷|老师)?"
)
_TITLED = re.compile(r"^(?:我是|叫我|我)?(?P<name>[\u4e00-\u9fff](?:先生|女士|小姐|师傅|阿姨|大爷|大妈|老师|同志))")


def find_name(text: str) -> str:
    """How the citizen wants to be called, when it is said in so many words; else an empty string."""
    found = _NAME.search(text)
    if found:
        return found["full"] or found["family"] + (found["title"] or "")
    titled = _TITLED.match(text.strip())
    return titled["name"] if titled else ""


_NO_NAME = re.compile(r"[\d的了是在从不都没有吧吗开始还就]|为什么|怎么")
"""Marks of a sentence; a name has none of them."""


def short_name(text: str) -> str:
    """A bare answer to «how may I call you»."""
    said = re.sub(r"^(?:我是|我叫|叫我|叫|就叫)|(?:吧|就行|就可以|就好|的)+$", "", hearing.clean(text))
    if not 1 <= len(said) <= 6 or _NO_NAME.search(said) or find_time(said) == said or gazetteer().find(said) or hearing.is_yes(said):
        return ""
    return said


def place_words(text: str) -> str:
    """The answer to «where» without the words around the place."""
    bare = re.sub(r"^(?:嗯|呃|那个|就是|就|是|在|位于|地址|地点|我家|我们家)*(?:是|在)?", "", text.strip().rstrip("。"))
    return bare[:200] if len(bare) >= 2 else text.strip()[:200]


_PARTY = (
    r"公司|集团|物业|饭店|餐厅|酒楼|酒店|宾馆|超市|商场|健身房|健身会所|培训班|培训学校|培训中心|培训机构|驾校|工厂|诊所|药店|美容院|理发店|网吧|4S店|4s店|"
    r"专卖店|商行|五金店|奶茶店|火锅店|快递站|加油站|养老院|洗车店|家具城|家具店|电器行|修理厂|幼儿园|合作社|中介"
)
_NAMED_PARTY = re.compile(rf"(?:[\u4e00-\u9fffA-Za-z0-9]{{2,12}}?)(?:{_PARTY})(?!门口|门前|附近|旁边|对面|楼下|后面|里|那儿|那里)")
_CAR = re.compile(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Za-z][·\s]?[A-Za-z0-9]{5,6}")
_LEAD = re.compile(
    r"^.*(?:这家|那家|一家|有家|这个|那个|一个|某个|我们|你们|他们|投诉|举报|反映|名字叫|叫做|叫|是|在|被|找|给|跟|的|了|去|到|我|从|问|让|请)"
)
_NO_PARTY = re.compile(r"[不没欠骗拖退赔吵收乱]|什么|哪|怎么|附近|小区$")
_SOMEBODY = re.compile(rf"{_PARTY}|老板|商家|店家|店里|包工头|劳务|开发商|房东|商户|黑车|出租车|网约车|单位|机构|培训|卖家|装修队")
_CONDUCT = re.compile(
    r"欠|拖|骗|不退|退费|退款|退钱|赔|押金|工资|虚假|假货|假冒|过期|乱收|多收|涨价|绕路|拒载|卷款|跑路|跑了|办卡|充值|预付|合同|辞退|不承认|服务态度|质量"
)


def find_concerned(text: str) -> str:
    """The company, the shop or the car that a sentence names; an empty string when there is none."""
    if car := _CAR.search(text):
        return re.sub(r"[·\s]", "", car[0]).upper()
    for found in _NAMED_PARTY.finditer(text):
        name = _LEAD.sub("", found[0])
        bare = re.sub(rf"(?:{_PARTY})$", "", name)
        if len(bare) >= 2 and not _NO_PARTY.search(bare):
            return name
    return ""


def is_about_somebody(text: str) -> bool:
    """Whether a matter is the conduct of a company, a shop or a driver: then it has to be known which one."""
    return bool(_SOMEBODY.search(text) and _CONDUCT.search(text))


def concerned_words(text: str) -> str:
    """The answer to «which company or shop» without the words around it."""
    bare = re.sub(r"^(?:嗯|呃|那个|就是|就|是|叫做|叫|那家|这家)+|(?:吧|啊|呀|的)+$", "", text.strip().rstrip("。"))
    return (bare if len(bare) >= 2 else text.strip())[:100]
