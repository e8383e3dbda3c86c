"""The words of the workflow's own columns: what a step asks for and what it does to the clocks, for those who decide about it.

The document keeps the specification's English words (docs/workflow.md is generated from them); a city's own words stay as they are.
"""

from __future__ import annotations

from hotline.i18n import texts

GUARDS = texts(
    {
        "type, content, one contact or anonymous, area": "类型、内容、一种联系方式或匿名、地点",
        "knowledge item id or free text >= 20 characters": "写明知识条目，或自拟答复至少20个字",
        "target 110/119/120/122/gas/power": "选定转往110、119、120、122、燃气或电力",
        "reason from list + legal way told": "从清单选理由，并告知法定途径",
        "all missing things in one notice (max 2 notices)": "一次告知全部缺少的内容，最多告知两次",
        "same matter; master open; each person kept and told": "同一件事；主件在办；每位市民都保留并告知",
        "category, urgency, handling kind": "类别、紧急程度、办理类型",
        "lead unit active; not the reported unit; dispatch_mode chosen": "主办单位在用，不是被反映的单位；选定交办方式",
        "two returns or overlap": "两次退单，或职责交叉",
        "reason class (season, works, law, funds), explanation told to citizen, review date": (
            "选定原因（季节、工程、法律、资金），向市民说明，定下复查日期"
        ),
        "lead replied and co-units replied or waived": "主办已答复，协办已答复或免去",
        "four gates ticked": "四项审核都通过",
        "reason; round counted": "写明理由，计入轮次",
        "answers to: contacted? solved? satisfied? attitude?": "问清是否联系、是否解决、是否满意、态度如何",
        "不满意 and reasonable; immediate return visit record, cause": "市民不满意且有理；当即二次回访，写明原因",
        "evidence + explanation told; counted as dissatisfied, not removed silently": "有证据并向市民说明；仍按不满意统计",
        "new facts or not carried out": "有新情况，或答复没有落实",
        "not for reports of danger or secret reports": "险情和保密举报不能撤回",
        "test, nuisance, empty": "测试、骚扰或没有内容",
        "window over, no open request": "期限已过，没有未决申请",
        "one evaluation per matter": "一件事评价一次",
        "receiver's name and time noted": "记下接警人和时间",
        "another person decides": "由另一人决定",
        "counted as 无法联系": "按无法联系统计",
        "different matter found": "查明是另一件事",
        "within return window; legal basis text; at most 1 (2nd goes to disputed)": (
            "在退单期限内，写明法定依据；只能一次，第二次进入争议会商"
        ),
        "call, SMS or visit record": "有电话、短信或上门记录",
        "structured reply: facts (true/partly/untrue/cannot verify), measures, basis, citizen contact, attachments; quality gate": (
            "答复分项写明：是否属实、措施、依据、与市民的沟通、附件；过质量关"
        ),
    }
)

CLOCK_EFFECTS = texts(
    {
        "issue number + query code; dispatch clock": "给编号和查询码；派单计时开始",
        "evaluation invited": "请市民评价",
        "now; follow-up 30 min": "立即；30分钟跟进",
        "notice at once": "当即告知",
        "clock paused": "暂停计时",
        "clock resumes": "恢复计时",
        "takes master's deadline": "按主件的期限",
        "sign, contact, handle clocks": "签收、联系、办理计时开始",
        "new unit gets full sign clock; total deadline recalculated by policy, original kept": (
            "新单位签收计时从头开始；总期限按规则重算，保留原期限"
        ),
        "rule in 1 WD; ruling names lead and co-units and cannot be returned": "1个工作日内裁定；裁定主办协办，不能再退",
        "paused; review date clock": "暂停计时；按复查日期计时",
        "remaining time": "剩余时间继续",
        "review clock": "审核计时开始",
        "callback clock": "回访计时开始",
        "original due stays (or 1 WD)": "原期限不变（或1个工作日）",
        "reopen window": "可重新办理的期限开始",
        "redo clock; round 2 = explanation by unit, round 3 = supervisor investigates": "重办计时；第二轮单位说明，第三轮督办调查",
        "new clock, repeat flag": "重新计时，标为重复",
        "cancels assignments": "撤销派单",
        "retention starts": "保存期限开始",
        "follow-up 30 min": "30分钟跟进",
        "1 wd": "1个工作日",
        "clock from own registration": "从自己的登记时间计时",
        "sign clock stops": "签收计时停止",
        "clock goes on; if refused, unit must sign": "计时照常；不同意的，单位须签收",
        "contact clock stops": "联系计时停止",
        "handle clock stops at sign-off": "审签后办理计时停止",
    }
)
