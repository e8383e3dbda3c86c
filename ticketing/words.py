"""Words for states, channels, kinds and events. Staff words and citizens' words are two columns (domain.md 4a)."""

from __future__ import annotations

from hotline.i18n import _

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
SATISFACTIONS = {"very_satisfied": "非常满意", "satisfied": "满意", "dissatisfied": "不满意"}
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
ATTEMPTS = {"no_answer": "无人接听", "busy": "占线", "wrong_number": "号码不对", "refused": "接通了，不愿评价"}
ATTEMPT_OUTCOMES = {**ATTEMPTS, "reached": "已接通", "running": "正在联系", "sent": "已发链接", "failed": "线路故障，不计次数"}
CALLBACK_STATES = {
    "open": "待回访",
    "reached": "已回访",
    "unreached": "未联系上",
    "refused": "拒绝评价",
    "skipped": "未回访",
    "cancelled": "已取消",
}
PLANS = {"clerk": "人工电话", "robot": "语音机器人", "sms": "短信链接", "wechat": "微信", "none": "不主动回访"}
VISIT_STATES = {"open": "待处理", "redo": "重办", "disputed": "答复合理，按不满意办结", "cancelled": "已取消"}
RATED_BY = {"clerk": "回访员", "web": "网页", "link": "短信链接", "wechat": "微信", "robot": "语音机器人", "system": "系统"}
ATTITUDES = {"good": "好", "fair": "一般", "bad": "不好"}
CONTACT_WAYS = {"phone": "电话", "sms": "短信", "wechat": "微信", "none": "不用联系", "visit": "上门"}
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
DANGERS = {
    "fire": "火情",
    "rescue": "有人被困",
    "gas": "燃气泄漏",
    "chemical": "危险化学品泄漏",
    "injury": "有人受伤或者突发疾病",
    "crime": "治安险情",
    "life": "有人可能轻生",
    "traffic": "交通事故",
    "power": "触电或者线路险情",
    "hazard": "公共安全隐患",
}
DANGER_HELP = {
    "heard": "没有可以转接的线路",
    "offered": "已询问是否接通",
    "connecting": "正在接通",
    "connected": "已接通",
    "failed": "没有接通",
}
HANDOVER_REASONS = {
    "language": "市民要求用其他语言或者方言",
    "asked": "市民要求人工",
    "citizen_asked": "市民要求人工",
    "not_understood": "智能助手答不上来",
    "requested": "市民要求人工",
    "human": "市民要求人工",
    "dtmf": "按0转人工",
    "elderly": "老年人直接转人工",
    "silence": "没有听到声音",
    "no_match": "没有听清",
    "emergency": "可能有危险",
    "misses": "智能助手答不上来",
    "failed": "智能助手出错",
}
NO_CALLBACK = {
    "migrated": "原系统办结",
    "unreached": "未联系上",
    "refused_to_rate": "拒绝评价",
    "not_sampled": "未抽中回访，没有评价",
    "no_way_to_ask": "没有留下联系方式",
    "anonymous": "匿名，无法回访",
    "evaluation_window_over": "三天内未评价",
    "answered_on_the_spot": "当场答复",
    "no_contact": "无法联系",
    "taken_over": "已由紧急热线接处",
    "rejected": "不予受理",
}
DELIVERY_STATES = {
    "queued": "等待发送",
    "sent": "已发出",
    "failed": "没发出，会再试",
    "given_up": "发不出去",
    "no_gateway": "没有短信网关，未发送",
    "acknowledged": "已另行处理",
}
NOTICE_WAYS = {"sms": "短信", "wechat": "微信"}
AUTHORS = {"citizen": "市民", "bot": "智能助手", "agent": "话务员", "system": "系统"}
OWNERS = {"bot": "智能助手", "queue": "等待人工", "human": "人工接待", "closed": "已结束"}
END_REASONS = {
    "caller_hung_up": "来电人挂机",
    "finished": "通话结束",
    "agent_hung_up": "坐席结束通话",
    "agent_lost": "坐席话机中断",
    "not_dialled": "没有拨出",
    "not_reached": "没有接通",
    "transferred": "已转接",
    "nuisance": "骚扰号码",
    "return_call": "选择回拨",
    "queue_timeout": "排队超时",
    "silence": "长时间无声",
    "message_left": "留言后结束",
    "shutdown": "系统重启",
    "rtp_timeout": "声音中断",
    "process_died": "系统中断",
    "error": "出错",
}

DUTY_STATES = {"ready": "空闲", "ringing": "振铃", "busy": "通话中", "wrap_up": "话后整理", "break": "小休", "off": "离岗"}
INVALID_REASONS = {
    "test": "测试",
    "nuisance": "骚扰",
    "empty": "空白，没有诉求",
}
BREAK_REASONS = {
    "rest": "休息",
    "meal": "用餐",
    "training": "培训",
    "meeting": "开会",
    "other": "其他事务",
    "no_answer": "未接听，自动小休",
}
WAIT_OUTCOMES = {
    "abandoned": "排队时挂断",
    "return_call": "选择回拨",
    "timeout": "排队超时",
    "full": "队列已满",
    "empty": "无人在岗",
    "overflow": "转入其他队列",
    "emergency": "转接紧急热线",
    "died": "系统中断",
}
CALL_MODES = {
    "talking": "通话中",
    "held": "已保持，市民在听音乐",
    "dialling": "正在呼叫，市民在听音乐",
    "consulting": "咨询中，市民在听音乐",
    "conference": "三方通话",
    "transferred": "已转出",
}
DIAL_STATES = {"waiting": "正在准备", "ringing": "你的话机在响", "dialling": "正在呼叫市民", "talking": "通话中", "over": "已结束"}
DIAL_PURPOSES = {"contact": "联系市民", "callback": "回访", "return_call": "回拨"}
DIAL_RESULTS = {
    "reached": "已接通",
    "no_answer": "无人接听",
    "busy": "市民占线",
    "wrong_number": "号码不存在",
    "agent_no_answer": "你的话机没有接",
    "agent_hung_up": "接通前挂断",
    "agent_gone": "话机已离线",
    "not_allowed": "号码不在允许外呼的范围，或没有外呼线路",
    "late": "电话系统没有响应，请再试",
    "failed": "线路故障，没有拨出",
}
CARD_COLOURS = {"yellow": "黄牌", "red": "红牌"}
CARD_REASONS = {
    **{key: f"{text}超时" for key, text in CLOCKS.items()},
    "two_yellows": "同一工单两张黄牌",
    "false_reply": "虚假答复",
    "finding": "监察疑点属实",
    "by_hand": "督办发牌",
}
CARD_STATES = {"given": "有效", "revoked": "已撤销"}
RECTIFICATIONS = {"open": "待整改", "done": "待确认", "confirmed": "已确认", "dropped": "牌已撤销"}
FORMALS = {"issued": "待答复", "answered": "待审定", "concluded": "已办结", "withdrawn": "已撤回"}
URGED_BY = {"citizen": "市民", "agent": "话务员", "dispatcher": "派单员", "supervisor": "督办", "leader": "领导"}
MONITOR_RULES = {
    "no_contact": "没有联系市民就办结",
    "contact_denied": "市民说没有人联系过",
    "short_reply": "答复里单位自己的话太少",
    "same_text": "同样的答复用了多次",
    "brush_off": "敷衍的说法",
    "instant": "签收后马上就答复",
    "late_contact": "先写答复后登记联系",
    "callback_without_call": "没看号码就登记回访",
    "last_minute": "到期前才申请延期",
}
FINDINGS = {"open": "待处理", "confirmed": "属实", "dismissed": "不成立"}
FINDING_OUTCOMES = {
    "dismiss": "不成立",
    "confirm": "属实，不发牌",
    "yellow": "属实，发黄牌",
    "red": "属实，发红牌",
    "false_reply": "虚假答复，发红牌并移交",
}
HAND_OVERS = {"sent": "已移交", "received": "已接收", "answered": "已回复"}
BURST_KINDS = {"place": "同一地点", "rise": "数量突增"}
BURSTS = {"open": "待处理", "handled": "已处理", "dismissed": "不是同一件事"}
COMMITMENTS = {"open": "未到期", "kept": "已兑现", "broken": "未兑现"}
STAFF_NOTICES = {
    "reminded": "时限过半",
    "warned": "即将到期",
    "yellow": "发了黄牌",
    "red": "发了红牌",
    "revoked": "牌已撤销",
    "rectification_done": "整改已提交，请确认",
    "rectification_returned": "整改被退回",
    "rectification_overdue": "整改超期",
    "urged": "有人催办",
    "instructed": "领导批示",
    "formal": "督办单",
    "formal_answered": "督办单已答复，请审定",
    "formal_sent_back": "督办单答复被退回",
    "formal_concluded": "督办单已办结",
    "formal_overdue": "督办单超期未答复",
    "hand_over": "虚假答复已移交",
    "burst": "群体预警",
    "sensitive": "敏感词提示",
    "emergency": "特急，请马上处理",
    "follow_up_due": "已转紧急热线，还没有核实处置情况",
    "info_overdue": "两次通知市民仍未补充，请决定怎么办",
    "commitment_due": "承诺快到期",
    "knowledge_review": "有知识等您审核",
    "knowledge_sent_back": "知识退回修改",
    "knowledge_due": "知识到期要复核",
    "knowledge_expired": "知识已失效",
    "knowledge_recalled": "知识已撤回，请不要再用",
    "knowledge_wrong": "有人说这条知识不对",
    "quality_scored": "有一通电话评了分",
    "quality_appealed": "质检有申诉，请处理",
    "quality_decided": "质检申诉已处理",
    "commitment_overdue": "承诺超期",
    "procedure_overdue": "法定程序到期，请告知结果",
}

QUALITY_RULES = {
    "complaint": "有人投诉",
    "rated_badly": "评价不满意",
    "suspicious": "有疑点",
    "short": "通话很短",
    "share": "随机抽取",
    "by_hand": "自己选的",
}

QUALITY_STATES = {"waiting": "要评分", "scored": "已评分", "appealed": "有申诉", "decided": "申诉已处理"}

ELEMENTS = {"contact": "联系方式", "time": "时间", "place": "地点", "object": "对象或起因", "course": "经过"}
EMERGENCY_LINES = {"110": "110", "119": "119", "120": "120", "122": "122", "gas": "燃气抢险", "power": "供电抢修"}

_TABLES = {
    "element": ELEMENTS,
    "emergency_line": EMERGENCY_LINES,
    "card": CARD_COLOURS,
    "card_reason": CARD_REASONS,
    "card_state": CARD_STATES,
    "rectification": RECTIFICATIONS,
    "formal": FORMALS,
    "urged_by": URGED_BY,
    "monitor_rule": MONITOR_RULES,
    "finding": FINDINGS,
    "finding_outcome": FINDING_OUTCOMES,
    "hand_over": HAND_OVERS,
    "burst_kind": BURST_KINDS,
    "burst": BURSTS,
    "commitment": COMMITMENTS,
    "staff_notice": STAFF_NOTICES,
    "state": TICKET_STATES,
    "citizen_state": CITIZEN_STATES,
    "action": ACTIONS,
    "request": REQUESTS,
    "request_state": REQUEST_STATES,
    "suspension_reason": SUSPENSION_REASONS,
    "assignment": ASSIGNMENT_STATES,
    "article": ARTICLE_STATES,
    "kind": KINDS,
    "channel": CHANNELS,
    "urgency": URGENCIES,
    "mode": MODES,
    "handling_kind": HANDLING_KINDS,
    "source": SOURCES,
    "confidentiality": CONFIDENTIALITIES,
    "satisfaction": SATISFACTIONS,
    "facts": FACTS,
    "legal_procedure": LEGAL_PROCEDURES,
    "legal_limit": LEGAL_LIMITS,
    "clock": CLOCKS,
    "limit_unit": LIMIT_UNITS,
    "attempt": ATTEMPTS,
    "attempt_outcome": ATTEMPT_OUTCOMES,
    "callback_state": CALLBACK_STATES,
    "plan": PLANS,
    "visit_state": VISIT_STATES,
    "rated_by": RATED_BY,
    "attitude": ATTITUDES,
    "contact": CONTACT_WAYS,
    "return_reason": RETURN_REASONS,
    "danger": DANGERS,
    "danger_help": DANGER_HELP,
    "handover": HANDOVER_REASONS,
    "no_callback": NO_CALLBACK,
    "delivery": DELIVERY_STATES,
    "notice_way": NOTICE_WAYS,
    "author": AUTHORS,
    "owner": OWNERS,
    "end_reason": END_REASONS,
    "duty": DUTY_STATES,
    "break_reason": BREAK_REASONS,
    "invalid_reason": INVALID_REASONS,
    "wait_outcome": WAIT_OUTCOMES,
    "call_mode": CALL_MODES,
    "dial_state": DIAL_STATES,
    "dial_purpose": DIAL_PURPOSES,
    "dial_result": DIAL_RESULTS,
    "quality_rule": QUALITY_RULES,
    "quality_state": QUALITY_STATES,
}


def word(table: str, value: str | None) -> str:
    """The word for an enum value: `word("state", "closed")`. An unknown value is shown as it is, never hidden."""
    if not value:
        return ""
    found = _TABLES[table].get(value)
    return _(found) if found else value


def choices(table: str) -> dict[str, str]:
    """All values of a table with their words, in the table's order; for form fields."""
    return {value: _(text) for value, text in _TABLES[table].items()}
