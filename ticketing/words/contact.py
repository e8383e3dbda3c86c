"""Words of what passes between the city and its citizens: calls, chats, callbacks, notices."""

from __future__ import annotations

SATISFACTIONS = {"very_satisfied": "非常满意", "satisfied": "满意", "dissatisfied": "不满意"}
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
EMERGENCY_LINES = {"110": "110", "119": "119", "120": "120", "122": "122", "gas": "燃气抢险", "power": "供电抢修"}
