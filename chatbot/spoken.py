"""From written to spoken: what a voice reads aloud holds no address of a web page, no bracket, no letter and no figure."""

from __future__ import annotations

import re
import unicodedata

import cn2an

from chatbot.hearing import say_digits

_URL = re.compile(r"(?:https?://|www\.)[^\s，。；）)】]+")
_BRACKETED = re.compile(r"[（(【\[<][^（(【\[<）)】\]>]{0,40}[）)】\]>]")
_LONG_NUMBER = re.compile(r"\d[\d\-]{3,}\d")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LETTER_NAMES = """
    诶 必 西 迪 衣 艾弗 吉 艾尺 爱 杰 开 艾勒 艾姆
    恩 欧 屁 丘 阿 艾斯 提 优 维 豆贝 艾克斯 歪 贼
"""
_LETTERS = dict(zip("abcdefghijklmnopqrstuvwxyz", _LETTER_NAMES.split(), strict=True))
_PUNCTUATION = {ord(sign): mark for sign, mark in zip(",;:?!\n…", "，；：？。。。", strict=True)}
_KEEP = re.compile(r"[^\u3400-\u9fff，。！？、；：]")


def to_spoken(text: str) -> str:
    """`text` in Chinese characters and plain punctuation only."""
    plain = unicodedata.normalize("NFKC", _URL.sub("", text))
    plain = re.sub(r"\d", lambda found: str(unicodedata.decimal(found[0])), plain)  # figures of other scripts
    plain = re.sub("[“”‘’\"'《》]", "", plain.translate(_PUNCTUATION))
    plain = _BRACKETED.sub("", plain)
    plain = re.sub(r"(\d{1,2}):(\d{2})", lambda found: f"{found[1]}点{found[2]}分" if found[2] != "00" else f"{found[1]}点", plain)
    plain = re.sub(r"(\d{1,2})：(\d{2})", lambda found: f"{found[1]}点{found[2]}分" if found[2] != "00" else f"{found[1]}点", plain)
    plain = re.sub(r"(\d{4})年", lambda found: say_digits(found[1], phone=False) + "年", plain)
    plain = re.sub(r"(\d+(?:\.\d+)?)%", lambda found: "百分之" + _number(found[1]), plain)
    plain = _LONG_NUMBER.sub(lambda found: say_digits(found[0]), plain)
    plain = _NUMBER.sub(lambda found: _number(found[0]), plain)
    plain = re.sub(r"[A-Za-z]", lambda found: _LETTERS[found[0].lower()], plain)
    plain = _KEEP.sub("，", plain)
    plain = re.sub(r"[，、；：]*([。？！])[，。、；：]*", r"\1", plain)
    return re.sub(r"[，、；：]{2,}", "，", plain).strip("，、；：")


def _number(digits: str) -> str:
    return str(cn2an.an2cn(digits, "low")) if len(digits) < 16 else say_digits(digits)
