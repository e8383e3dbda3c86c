"""The kind of an appeal: what is said in so many words decides, else the classifier, else what is usual for the category."""

from __future__ import annotations

import re

from ticketing.ticket.states import Kind

_SAID = (
    (Kind.REPORT, re.compile(r"举报|检举|揭发")),
    (
        Kind.PRAISE,
        re.compile(
            r"表扬|点(?:个|一个|的)?赞|锦旗|(?:真心|非常|特别|特地|衷心|十分|很)?感谢(?!信)(?!你们?(?:能|帮|解决|处理)一?下)|真是(?:为人民|好(?:医生|老师|警察|司机|干部))|好样的"
        ),
    ),
    (
        Kind.SUGGESTION,
        re.compile(
            r"建议|提(?:个|点|一个|一条)?(?:意见|建议)|希望(?:政府|能|可以|以后|相关|有关|多|在|把|给|增|加)|能不能(?:考虑|多|增|加|给.{0,6}(?:加|装|建|添|设|配))|要是能|应该(?:多|加|设|建)|可不可以(?:增|加|多|给)"
        ),
    ),
)
_ANGRY = re.compile(r"投诉|没人管|不管|态度|骗|拖|欠|吵|臭|乱|坏|漏|堵|占|打人|不给|不退|不修|太|又|天天|一直")
_ASKS = re.compile(
    r"怎么(?:办理|办|弄|申请|交|查|预约|报名|领|算|收费|走|补|开|改|报|投诉|举报|要|处理|认定|退|样才|取|用|找|注册|注销|收)|如何|要(?:什么|啥|哪些|带什么|带啥|多少|多久|几)|需要(?:什么|啥|哪些|带)|(?:什么|啥)(?:条件|材料|手续|时候|标准|证|流程|政策|要求|规定)|"
    r"多少钱|几点|在哪(?:里|儿)?(?:办|查|打|看|领|报|可以|能)|去哪(?:里|儿)?|哪里(?:可以|能|办|有|打)|能不能(?:办|报|领|申请|提|取|退|在|换|补)|可以.{0,10}(?:吗|不$|么)|能.{0,12}(?:吗|不$|么$)|请问|咨询|问一下|问问|想了解|吗$|咋(?:办理|弄|办$)|归(?:哪|谁)|找哪个部门|几岁|多大|违不违|能不能(?:找|要|再|接着|在|还)|还能不能|(?:从|到|在|去|丢到|送到|放|找)哪(?:里|儿|个)|先.{1,8}还是先|是.{1,8}还是|(?:可以|允许|行|能办|用)(?:不|吗|么)$|几天能|多久能|要排队吗|怎么(?:知道|查|看)|还.{0,6}吗$"
)
_WHOM = re.compile(r"(?:找|跟|向|由|报|归|告|上|去|到|往)(?:哪(?:里|儿|个|家|位)?|谁|什么(?:部门|单位|地方)|啥(?:部门|单位))")
"""«Whom shall I turn to»: a question, however angry the rest is; not when it says that nobody listens (找谁都推)."""
_ALL_PASS = re.compile(r"(?:谁|哪个部门|哪里|哪儿)(?:都|也)")
_CLAUSE = re.compile(r"[,，。;；!！\n]+")
_HELP = re.compile(
    r"求助|求(?:求)?(?:你们|您|政府|安排|赶快|赶紧|救|帮|派|社区|来人|处理|协调|查)|帮(?:帮|我|忙|一把|一下)|救救|请.{0,6}帮|(?:麻烦|能不能|能)(?:尽快|赶紧|赶快)?(?:派人|安排|上门|给(?:我|我们).{0,4}(?:修|看|弄|装|鉴定|送))|急需|收留|没饭吃|没地方住|上门.{0,8}(?:吗|不|行)"
)
_ILLEGAL = re.compile(
    r"偷偷|非法|违法|违规|无证|没有?证|没有?资质|没有?执照|涉嫌|骗(?:保|补|取)|造假|假冒|冒充|偷(?:排|倒|税|采|挖)|传销|赌博|卖淫|吸毒|受贿|行贿|贪|贿选|私分|套取|挪用|吃回扣|回扣|病死|地沟油|瞒报|我看见|逃税|不报税|查处|取缔|严查"
)
_REPORTED = frozenset({"0806", "0906", "1206", "1006", "0505"})
"""Categories in which telling of it is mostly reporting somebody who breaks the law."""


def kind_of(text: str, shares: dict[str, float], category: str | None) -> Kind:
    """The kind of `text`, given the classifier's shares and the most likely category."""
    for kind, pattern in _SAID:
        found = pattern.search(text)
        if found and not (
            kind is Kind.REPORT and _ASKS.search(text) and re.search(r"怎么举报|如何举报|举报.{0,4}(?:奖励|电话|保密吗)", text)
        ):
            if kind is Kind.SUGGESTION and found[0].startswith(("希望", "能不能")) and _ANGRY.search(text[: found.start()]):
                continue
            return kind
    weighted = dict(shares)
    if "投诉" in text and not re.search(r"怎么投诉|如何投诉|投诉.{0,6}(?:电话|哪里|要什么)", text):
        weighted["complaint"] = weighted.get("complaint", 0) + 0.6
    if clause := _question(text):
        weighted["consult"] = weighted.get("consult", 0) + (0.55 if len(clause) <= 40 else 0.3)
    if _HELP.search(text):
        weighted["help"] = weighted.get("help", 0) + 0.5
    if _ILLEGAL.search(text):
        weighted["report"] = weighted.get("report", 0) + (0.35 if category in _REPORTED else 0.12)
    return Kind(max(weighted, key=lambda name: (weighted[name], name)))


def _question(text: str) -> str:
    """The clause that asks something; an empty string when none does. What is said around it (你好, 麻烦你们管一管) changes nothing."""
    for clause in _CLAUSE.split(text):
        if _ASKS.search(clause) or re.search(r"[?？]\s*$", clause) or (_WHOM.search(clause) and not _ALL_PASS.search(clause)):
            return clause
    return ""
