"""Takes persons out of a text and leaves the matter: numbers, addresses of mail, plates, doors, names.

A rule can miss a name that looks like no name; that is why anonymising also cuts the tie to the citizen, and why erasing a
person does not redact but removes the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆汪范廖石"
    "金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
)
_RULES = (
    (re.compile(r"(?<![0-9A-Za-z])[1-9]\d{5}(?:19|20)\d{9}[\dXx](?![0-9A-Za-z])|(?<!\d)[1-9]\d{16}[\dXx](?!\d)"), "［证件号］"),
    (re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "［邮箱］"),
    (re.compile(r"(?<![\d-])(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"), "［电话］"),
    (re.compile(r"(?<![\d-])0\d{2,3}[- ]?\d{7,8}(?!\d)"), "［电话］"),
    (re.compile(r"(?<!\d)\d{16,19}(?!\d)"), "［卡号］"),
    (re.compile(r"(?<![\d-])[2-9]\d{6,7}(?![\d-])"), "［电话］"),
    (re.compile(r"(?i)(?:微信|qq|wechat)(?:号|号码)?[:：是为]?\s*[A-Za-z0-9_-]{5,20}"), "［账号］"),
    (re.compile(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·.\s]?[A-Z0-9]{5,6}"), "［车牌］"),
    (re.compile(r"\d+\s*(?:号楼|幢|栋|座|单元|室|户)(?:\s*\d+\s*(?:号楼|单元|室|户|号))*(?:\s*\d{3,4}(?!\d))?"), "［门牌］"),
    (re.compile(rf"(?:我叫|姓名|名叫|联系人)[:：是为]?\s*[{_SURNAMES}][\u4e00-\u9fff]{{1,2}}"), "［姓名］"),
    (re.compile(rf"[{_SURNAMES}][\u4e00-\u9fff]{{0,2}}?(?:先生|女士|大爷|大妈|大姐|大哥|师傅|阿姨|同志)"), "［姓名］"),
)  # fmt: skip


def redact(text: str, names: Iterable[str] = ()) -> str:
    """`text` without persons; `names` are the ones that are known."""
    for name in sorted({name.strip() for name in names if len(name.strip()) > 1}, key=len, reverse=True):
        text = text.replace(name, "［姓名］")
    for pattern, mark in _RULES:
        text = pattern.sub(mark, text)
    return text
