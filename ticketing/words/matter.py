"""Words of tickets, units' work on them, their limits, and articles."""

from __future__ import annotations

TICKET_STATES = {
    "draft": "登记中",
    "registered": "已登记",
    "need_info": "待补正",
    "rejected": "不予受理",
    "emergency_out": "已转紧急热线",
    "answered": "直接答复",
    "to_dispatch": "待派单",
    "in_progress": "办理中",
    "disputed": "争议会商",
    "suspended": "挂账",
    "reply_review": "待审核",
    "callback": "待回访",
    "closed": "已办结",
    "archived": "已归档",
    "merged": "已并单",
    "withdrawn": "已撤回",
    "invalid": "无效",
}
CITIZEN_STATES = {
    "draft": "登记中",
    "registered": "已受理登记",
    "need_info": "请补充材料",
    "rejected": "不予受理",
    "emergency_out": "已转紧急热线",
    "answered": "已答复",
    "to_dispatch": "正在派单",
    "in_progress": "办理中",
    "disputed": "办理中",
    "suspended": "暂缓办理",
    "reply_review": "办理中",
    "callback": "已答复，待回访",
    "closed": "已办结",
    "archived": "已办结",
    "merged": "与其他编号合并办理",
    "withdrawn": "已撤回",
    "invalid": "已结束",
}
ACTIONS = {
    "answer": "直接答复",
    "transfer_emergency": "转紧急热线",
    "reject": "不予受理",
    "request_info": "请市民补充",
    "supplement": "补充材料",
    "close_no_contact": "无法联系结案",
    "submit": "提交派单",
    "dispatch": "派单",
    "redispatch": "重新派单",
    "reply_ready": "提交审核",
    "accept_reply": "审核通过",
    "send_back": "退回重办",
    "close": "办结",
    "close_unreached": "未联系上办结",
    "close_disputed": "说明理由后办结",
    "redo": "重办",
    "reopen": "重新办理",
    "rate_answer": "评价",
    "answer_window_over": "到期办结",
    "answer_refused": "不满意，转派单",
    "emergency_taken_over": "紧急热线已接处",
    "emergency_remains": "转派单",
    "withdraw": "撤回",
    "invalidate": "标为无效",
    "register": "登记",
    "merge": "并单",
    "unmerge": "拆分并单",
    "open_dispute": "提交争议会商",
    "rule_dispute": "裁定",
    "suspend": "挂账",
    "resume": "恢复办理",
    "archive": "归档",
    "object": "提出异议",
    "rejection_final": "异议期满归档",
    "assign": "派给单位",
    "reassign": "改派",
    "sign": "签收",
    "return": "退单",
    "contact": "联系市民",
    "draft_reply": "起草答复",
    "refuse_draft": "退回修改",
    "sign_off": "审签",
    "accept": "审核通过",
    "cancel": "撤派",
    "urge": "催办",
    "supervise": "督办",
    "yellow": "发黄牌",
    "red": "发红牌",
}
REQUESTS = {"return": "退单", "extension": "延期", "suspension": "挂账", "dispute": "争议会商", "refusal": "不予受理"}
REQUEST_STATES = {"pending": "待处理", "approved": "已同意", "refused": "未同意", "withdrawn": "已收回"}
SUSPENSION_REASONS = {"season": "受季节限制", "works": "待工程施工", "law": "受法律政策限制", "funds": "待资金落实"}
ASSIGNMENT_STATES = {
    "assigned": "待签收",
    "signed": "已签收",
    "working": "办理中",
    "unit_review": "单位审签",
    "replied": "已回复",
    "accepted": "审核通过",
    "returned": "已退单",
    "cancelled": "已撤派",
    "redo": "重办",
}
ARTICLE_STATES = {
    "collected": "收集",
    "editing": "编辑中",
    "unit_review": "单位审核",
    "centre_review": "中心审核",
    "scheduled": "定时发布",
    "published": "已发布",
    "due_for_review": "待复核",
    "revised": "已修订",
    "expired": "已过期",
    "recalled": "已撤回",
}
KINDS = {"consult": "咨询", "help": "求助", "complaint": "投诉", "report": "举报", "suggestion": "建议", "praise": "表扬"}
CHANNELS = {"phone": "电话", "wechat": "微信", "web": "网页", "sms": "短信", "open311": "Open311", "staff": "登记"}
URGENCIES = {"normal": "一般", "urgent": "紧急", "emergency": "特急"}
MODES = {"phone": "电话交办", "written": "书面转办", "leader": "领导批示"}
HANDLING_KINDS = {"on_spot": "即时办理件", "promised": "承诺办理件", "joint": "联合办理件", "hard": "疑难件"}
SOURCES = {
    "citizen": "市民",
    "bot": "智能助手",
    "grid": "网格巡查",
    "media": "媒体",
    "leader": "领导批示",
    "other_hotline": "其他热线",
    "police": "110转来",
    "unit": "单位自查",
}
CONFIDENTIALITIES = {"open": "公开", "masked": "脱敏", "secret": "保密"}
FACTS = {"true": "属实", "partly": "部分属实", "untrue": "不属实", "cannot_verify": "无法核实"}
LEGAL_PROCEDURES = {
    "market_complaint": "市场监管投诉调解",
    "market_report": "市场监管举报核查",
    "labour": "劳动保障监察",
    "penalty": "行政处罚",
    "reconsideration": "行政复议",
    "petition": "信访",
    "other": "其他法定程序",
}
LEGAL_LIMITS = {
    "market_complaint": "7个工作日内决定是否受理，受理后45个工作日内调解",
    "market_report": "15个工作日内决定是否立案",
    "labour": "5个工作日内决定是否立案，立案后60个工作日内办结，可延长30个工作日",
    "penalty": "立案后90日内作出决定",
    "reconsideration": "受理后60日内作出决定，可延长30日",
    "petition": "受理后60日内办结，可延长30日",
}
"""The limits of the statutes, as the citizen is told them; the unit may write others."""
CLOCKS = {
    "dispatch": "派单",
    "sign": "签收",
    "contact": "联系市民",
    "on_site": "现场反馈",
    "plan": "办理方案",
    "handle": "办结",
    "review": "审核",
    "callback": "回访",
    "dispute": "争议裁定",
    "follow_up": "紧急跟进",
    "suspension": "挂账复查",
    "supplement": "补正",
    "evaluation": "评价",
    "objection": "异议",
    "statute": "法定程序",
}
LIMIT_UNITS = {"h": "小时，全天连续", "wh": "小时，只算上班时间", "wd": "个工作日", "d": "天，含休息日"}
GATES = {"law": "法律政策", "wording": "文字格式", "signoff": "审核签发", "letter": "办理函复"}
RETURN_REASONS = {
    "queue_timeout": "排队太久，没有人接",
    "kept_place": "选择回拨，保留排队位置",
    "queue_full": "排队的人太多",
    "nobody_on_duty": "没有坐席在岗",
    "hung_up_in_queue": "排队时挂断",
    "hung_up_in_form": "登记时挂断",
    "message_left": "留了言",
    "emergency": "险情来电已转紧急热线，回访核实",
    "process_died": "通话中断",
    "outage": "系统故障时来电",
}
ELEMENTS = {"contact": "联系方式", "time": "时间", "place": "地点", "object": "对象或起因", "course": "经过"}
