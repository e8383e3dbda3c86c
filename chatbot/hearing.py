"""Numbers, yes and no, skip and cancel: small things that must be understood however they are typed or spoken."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from hotline.clock import to_city
from ticketing.citizen.service import normalise_phone

_DIGITS = str.maketrans("〇零洞一幺妖么腰二两贰三叁四肆五伍六陆七拐柒八捌九勾玖", "000111112223344556677788999")
_SPOKEN_DIGIT = "〇零洞一幺妖么腰二两贰三叁四肆五伍六陆七拐柒八捌九勾玖0-9"
_DIGIT_RUN = re.compile(rf"[{_SPOKEN_DIGIT}](?:[\s,，、。.\-—－]*[{_SPOKEN_DIGIT}])*")
_NOISE = re.compile(r"[\s，。！？、；：,.!?;:~…—\-“”\"'（）()]+")
_MANDARIN = "零幺二三四五六七八九"
_PLAIN = "零一二三四五六七八九"


def clean(text: str) -> str:
    """The text without blanks and punctuation, half-width."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text))


def digit_runs(text: str) -> list[str]:
    """Runs of digits, spoken (幺三九 …) or written, as Arabic digits; separators inside a run are dropped."""
    plain = unicodedata.normalize("NFKC", text)
    return [re.sub(r"\D", "", run.translate(_DIGITS)) for run in _DIGIT_RUN.findall(plain)]


_CORRECTED = re.compile(
    rf"(?:^|(?<=[\s，,、。.;；!！…{_SPOKEN_DIGIT}啊哦哎嗯呃]))(?:我)?(?:[说讲写打报记搞弄]错了|不对|错了|更正(?:一下)?|不是(?=[^是]+是\s*[{_SPOKEN_DIGIT}]))"
)
"""«139…, no, it is 138…». Only where a clause begins: the manners of a shop that are 不对 correct nothing."""
_ENDING = re.compile(
    rf"(?:最后面?|末尾|后面?)的?(?P<count>[一两二三四五六七八1-8])(?:位|个)(?:数字|号码|数)?(?:错了|不对)?[\s，,、]*(?:不是[{_SPOKEN_DIGIT}]+[\s，,、]*而?)?"
    rf"(?:应该|应当|改|换)?(?:是|为|成)\s*(?P<digits>{_DIGIT_RUN.pattern})"
)
_ENDING_ONLY = re.compile(
    rf"(?:(?:不+对|不是|错了|[说写记]错了|更正)[\s，,、]*)*(?:我的?|那个|这个)?(?:(?:手机|电话)?号码?|电话|手机)?(?:错了|不对)?的?[\s，,、]*{_ENDING.pattern}"
    r"[\s，,。.!！]*(?:的|啊|吧|呀|才对|谢谢)*"
)


def find_phone(text: str) -> str | None:
    """The first number in `text` on which a person can be called, in national form; None when there is none.

    A service number of 7 or 8 digits counts only when nearly nothing else is said. Who corrects himself (不对，是…；错了；更正)
    means the last number after it, or the number before with other last digits.
    """
    first, *later = _CORRECTED.split(text)
    found = next(iter(_phones(first, text)), None)
    for part in later:
        ending = _ENDING.search(part) if found else None
        corrected = _with_ending(found, ending) if found and ending else None
        found = corrected or next(reversed(_phones(part, text)), None) or found
    return found


def _phones(part: str, text: str) -> list[str]:
    """The numbers in `part` of `text`; all its digits together when no run of them is one."""
    runs = digit_runs(part)
    for candidates in (runs, ["".join(runs)]):
        numbers = [run[2:] if run.startswith("86") and len(run) == 13 else run for run in candidates]
        if valid := [digits for digits in numbers if (len(digits) >= 10 or _nearly_only_digits(text)) and normalise_phone(digits)]:
            return valid
    return []


def corrects_ending(text: str) -> bool:
    """Whether the whole utterance says what the last digits of a number are (不对，最后两位是八六)."""
    return bool(_ENDING_ONLY.fullmatch(text.strip()))


def with_ending(phone: str, text: str) -> str | None:
    """`phone` with the last digits that `text` tells; None when they are not as many as it says, or make no number."""
    ending = _ENDING.search(text)
    return _with_ending(phone, ending) if ending else None


def _with_ending(phone: str, ending: re.Match[str]) -> str | None:
    digits = re.sub(r"\D", "", ending["digits"].translate(_DIGITS))
    corrected = phone[: -len(digits)] + digits
    return corrected if len(digits) == int(ending["count"].translate(_DIGITS)) and normalise_phone(corrected) else None


def _nearly_only_digits(text: str) -> bool:
    return len(_DIGIT_RUN.sub("", clean(text))) <= 6


_TICKET = re.compile(r"(?<!\d)\d{3,8}[\s\-—－]{1,3}(20\d{6})[\s\-—－]{1,3}(\d{5})(?!\d)")


def find_ticket_number(text: str, line: str, now: datetime) -> str | None:
    """A ticket number in `text`: in full, without the line's number, or its last five digits with «today» understood."""
    if written := _TICKET.search(unicodedata.normalize("NFKC", text)):
        return f"{line}-{written[1]}-{written[2]}"
    for run in digit_runs(text):
        if match := re.match(rf"(?:{line})?(20\d{{6}})(\d{{5}})", run):
            return f"{line}-{match[1]}-{match[2]}"
    for run in digit_runs(text):
        if len(run) == 5 and run != line:
            return f"{line}-{to_city(now):%Y%m%d}-{run}"
    return None


def without_ticket_number(text: str) -> str:
    """`text` without a written ticket number, so that its digits are not taken for a query code."""
    return _TICKET.sub(" ", unicodedata.normalize("NFKC", text))


_CODE = re.compile(r"(?<![A-Za-z0-9])[2-9A-HJ-KM-NP-Za-hj-km-np-z]{4}[\s\-]?[2-9A-HJ-KM-NP-Za-hj-km-np-z]{4}(?![A-Za-z0-9])")


def find_query_code(text: str) -> str | None:
    """A query code of eight characters in `text`, upper case."""
    for found in _CODE.findall(unicodedata.normalize("NFKC", text)):
        code = re.sub(r"[\s\-]", "", found).upper()
        if not code.isdigit() or _nearly_only_digits(text):
            return code
    return None


def say_digits(text: str, *, phone: bool = True) -> str:
    """Digits as a person says them one by one (幺 for one on the telephone), with a pause at every other character."""
    table = _MANDARIN if phone else _PLAIN
    spoken = "".join(table[int(sign)] if sign.isdigit() else "，" for sign in text)
    return re.sub("，+", "，", spoken).strip("，")


_YES = re.compile(
    r"(?:嗯+|哦|啊|那|对+|对的|是|是的|没错|没问题|好|好吧|行|行吧|可以|确认|确定|正确|同意|要|需要|登记|登记下来|提交|没有错|就这样|"
    r"ok|okay|yes|y|的|了|吧|啊|呀|谢谢|哈){1,6}",
    re.IGNORECASE,
)
_PARTICLES = re.compile(r"(?:的|了|吧|啊|呀|谢谢|哈|那|哦)+")
_NO = re.compile(
    r"(?:不|不对|不是|不是的|不行|错了|不正确|有错|有误|没有|没有了|没了|不用|不用了|不要|不需要|不必|不了|否|都不是|no|n)(?:的|了|吧|啊|呀|谢谢|哦)*",
    re.IGNORECASE,
)
_SKIP = re.compile(
    r"(?:我)?(?:跳过|略过|先跳过|下一个|不知道|不清楚|不晓得|不记得|记不清|记不得|忘了|没有|没了|没|不用|不用了|不留|不留了|不说|不想说|不想留|不方便|不太方便|"
    r"不方便说|不填|不提供|无|说不好|说不清|不确定|匿名|保密|没注意)(?:了|的|吧|啊|呀|这个|透露|提供|留)*"
)
_CANCEL = re.compile(
    r"(?:我)?(?:还是|要不|就这样|那就?|你)*(?:(?:取消|算了|撤销|退出)(?:掉|吧|了|这个|登记|投诉|诉求)*|(?:那)?(?:就)?(?:我)?(?:不|别|不想|不要|不用|先不|不想再)(?:投诉|登记|反映|说|办|报|举报|弄|提交)(?:了|吧|这个)*|"
    r"结束登记|停止登记)+(?:吧|啊|谢谢|再说)*"
)
_LEAD = re.compile(r"^(?:那|那么|就|这个|嗯+|呃+|啊|哦|哎|唉)+")


def _fully(pattern: re.Pattern[str], text: str) -> bool:
    said = clean(text)
    return bool(pattern.fullmatch(said) or pattern.fullmatch(_LEAD.sub("", said)))


def is_yes(text: str) -> bool:
    """Whether the whole utterance says yes."""
    return _fully(_YES, text) and not _PARTICLES.fullmatch(clean(text))


def is_no(text: str) -> bool:
    """Whether the whole utterance says no."""
    return _fully(_NO, text)


def is_skip(text: str) -> bool:
    """Whether the whole utterance passes the question over."""
    return _fully(_SKIP, text)


def is_cancel(text: str) -> bool:
    """Whether the whole utterance calls the form off."""
    return _fully(_CANCEL, text)


_USEFUL = re.compile(r"(?:很|挺|非常|比较|特别)?(?:有帮助|有用|满意|帮到了|帮上忙了|解决了|清楚了|好)(?:的|了|啊|吧)*")
_USELESS = re.compile(
    r"(?:一点|根本|完全|都|很)?(?:没|没有|不)(?:什么)?(?:帮助|用|满意|帮到|解决|清楚|好|行)(?:的|了|啊|吧)*|答非所问|白问了|差劲?"
)


def opinion(text: str) -> bool | None:
    """Whether an answer helped (True), did not (False), or None when that is not said."""
    if _fully(_USELESS, text) or is_no(text):
        return False
    return True if _fully(_USEFUL, text) or is_yes(text) else None


_ORDINALS = ("一1", "二2两", "三3")


def which(text: str, titles: list[str]) -> int | None:
    """Which of the offered choices is meant: by its words, 第一个, 1, 一; None when it cannot be told."""
    said = clean(text)
    for index, title in enumerate(titles):
        if said and said == clean(title):
            return index
    for index, marks in enumerate(_ORDINALS[: len(titles)]):
        if re.fullmatch(rf"(?:是|选|要|我要|就)?(?:第|头)?[{marks}](?:个|条|项|种|号|件)?(?:吧|的|啊)?", said):
            return index
    holding = [index for index, title in enumerate(titles) if len(said) >= 3 and said in clean(title)]
    return holding[0] if len(holding) == 1 else None


_QUESTION = re.compile(
    r"[?？]|怎么|咋|如何|怎样|吗[，。？?]?$|吗[，。]|么[？?]?$|什么|啥(?!样|都)|哪里|哪儿|在哪|去哪|上哪|哪个|哪些|哪家|哪种|多少|多久|多大|(?<![十好])几[天点岁个号月年块级](?!了)|(.)不\1|能不能|可不可以|"
    r"可以.{0,8}吗|需不需要|要不要|用不用|该不该|行不行|算不算|让不让|给不给|管不管|准不准|是不是|有没有|谁(?!都)|呢$|归.{1,8}管|"
    r"(?<![也都还就要对是])不[？?]?$|还是.{1,8}[？?]?$"
)


_IN_DANGER = re.compile(r"(?!.*(?:没|不|无))(?:是|对|嗯|有|就是|现在|要|需要|快|救|危险|很|非常|正在).{0,14}")
_NOT_IN_DANGER = re.compile(
    r"(?:现在|目前|暂时|人|倒)?(?:没|没有|无|不)(?:人|什么|啥|有)*(?:危险|事|受伤|大碍|紧急|用|需要)*(?:了|的|啊|，|登记)*(?:登记下来)?"
)


def is_in_danger(text: str) -> bool:
    """Whether «is somebody in danger now?» is answered with yes."""
    return is_yes(text) or bool(_IN_DANGER.fullmatch(clean(text)))


def is_not_in_danger(text: str) -> bool:
    """Whether it is answered with no."""
    return is_no(text) or bool(_NOT_IN_DANGER.fullmatch(clean(text)))


def is_question(text: str) -> bool:
    """Whether it sounds like a question."""
    return bool(_QUESTION.search(text.strip()))
