# ruff: noqa: E501 - one indicator after the other, in the words that are published
"""Every indicator of domain.md 4d that live data can give. docs/indicators.md is generated from this list."""

from __future__ import annotations

from hotline.i18n import texts
from ticketing.statistics import sources as s
from ticketing.statistics.indicator import BenchmarkFigure, Group, Indicator, Measure
from ticketing.ticket import refusal_reasons

_R, _T, _M, _P, _C = Measure.RATE, Measure.PER_THOUSAND, Measure.MEAN, Measure.P95, Measure.COUNT

DEMAND = (
    Indicator("received", "诉求量", Group.DEMAND, s.RECEIVED, _C, "true", "true", "登记的工单", "登记的工单",
              exclusions="草稿、无效不算；并单的每一件都算", unit="件", higher_is_better=None),
    Indicator("accepted", "受理量", Group.DEMAND, s.RECEIVED, _C, "true", "accepted", "受理的工单", "受理的工单",
              exclusions="不予受理不算", unit="件", higher_is_better=None),
    Indicator("direct", "直接办结率", Group.DEMAND, s.RECEIVED, _R, "direct", "accepted", "没有派单、当场答复的工单", "受理的工单",
              exclusions="当场答复后市民不满意、转去派单的不算直接办结"),
    Indicator("closed", "办结率", Group.DEMAND, s.RECEIVED, _R, "closed", "accepted", "到现在已办结的工单（并单的随主单）", "受理的工单",
              exclusions="不予受理、无效不算"),
    Indicator("repeated", "重复诉求率", Group.DEMAND, s.RECEIVED, _R, "repeated", "accepted", "90天内反映过同一件事的工单", "受理的工单",
              higher_is_better=False),
)  # fmt: skip

REFUSAL = (
    Indicator("refused", "不予受理率", Group.REFUSAL, s.RECEIVED, _R, "NOT accepted", "true", "不予受理的工单（含异议期满归档的）", "登记的工单",
              exclusions="市民提出异议后改为受理的不算", higher_is_better=None),
    *(
        Indicator(f"refused_{code}", reason.words, Group.REFUSAL, s.RECEIVED, _R, f"refusal_reason = '{code}'", "NOT accepted",
                  "以这个理由不予受理的工单", "不予受理的工单", higher_is_better=None)
        for code, reason in refusal_reasons.load().items()
    ),
)  # fmt: skip
"""One for each reason of ticketing/seed/refusals.yaml."""

DISPATCH = (
    Indicator("assigned", "派单量", Group.DISPATCH, s.ASSIGNED, _C, "true", "true", "派给单位的任务", "派给单位的任务",
              unit="件", higher_is_better=None),
    Indicator("dispatch_right", "派单准确率", Group.DISPATCH, s.ASSIGNED, _R, "NOT returned", "first_lead", "没有经批准退单的首次派单",
              "首次派单（主办）", exclusions="改派、再派和协办不算"),
    Indicator("signed", "签收及时率", Group.DISPATCH, s.SIGN_DUE, _R, "in_time", "true", "在签收期限内签收的派单", "签收期限在时段内的派单",
              exclusions="已退单、撤派的不算", target=98),
    Indicator("contacted", "先行联系率", Group.DISPATCH, s.CONTACT_DUE, _R, "in_time", "true", "在联系期限内联系市民的派单",
              "联系期限在时段内的派单", exclusions="匿名、无联系方式和协办不需要联系，不算"),
    Indicator("responded", "响应率", Group.DISPATCH, s.RESPONSE_DUE, _R, "responded", "true", "按时签收并且按时联系的派单", "到期的派单",
              exclusions="不需要联系的只看签收"),
    Indicator("returned", "退单率", Group.DISPATCH, s.ASSIGNED, _R, "returned", "true", "经批准退回的派单", "派单",
              higher_is_better=False),
    Indicator("routed", "首派命中率", Group.DISPATCH, s.CLOSED, _R, "routed_right", "dispatched", "首次派的主办单位就是最后办结的主办单位的工单",
              "派过单的办结工单"),
)  # fmt: skip

HANDLING = (
    Indicator("on_time", "按时办结率", Group.HANDLING, s.HANDLE_DUE, _R, "in_time", "true", "在期限（含批准的延期）内答复的办理任务",
              "到期的办理任务", exclusions="暂停中的不算到期", target=98),
    Indicator("on_time_original", "按时办结率（不计延期）", Group.HANDLING, s.HANDLE_DUE, _R, "in_time_original", "true",
              "在最初期限内答复的办理任务", "到期的办理任务", exclusions="暂停中的不算到期"),
    Indicator("feedback", "反馈及时率", Group.HANDLING, s.FEEDBACK_DUE, _R, "told", "true", "在承诺日期前把结果告诉市民的工单",
              "需要反馈、承诺日期在时段内的工单", exclusions="匿名和不用联系的不算"),
    Indicator("extended", "延期率", Group.HANDLING, s.ASSIGNED, _R, "extended", "true", "批准过延期的派单", "派单", higher_is_better=False),
    Indicator("suspended", "挂账率", Group.HANDLING, s.ASSIGNED, _R, "suspended", "true", "批准过挂账的派单", "派单", higher_is_better=False),
    Indicator("speed_up", "提速率", Group.HANDLING, s.HANDLE_DUE, _M, "true", "stopped", "（承诺时间 − 实际用时）÷ 承诺时间，逐件相加",
              "已答复的办理任务", exclusions="承诺时间按最初期限；超时的为负数", value="100 * spared", unit="%"),
    Indicator("redone", "重办率", Group.HANDLING, s.CLOSED, _R, "redone > 0", "true", "重办轮次之和", "办结的工单", value="redone",
              higher_is_better=False),
    Indicator("first_pass", "答复一次通过率", Group.HANDLING, s.REPLIED, _R, "first_pass", "true", "没有被审核退回过的派单", "审核通过的派单"),
    Indicator("complaints", "投诉率", Group.HANDLING, s.CLOSED, _R, "about_service", "true", "投诉单位服务的工单（写明被反映单位的投诉）",
              "办结的工单", higher_is_better=False),
    Indicator("complaints_upheld", "有效投诉率", Group.HANDLING, s.CLOSED, _R, "upheld", "about_service", "查实或部分属实的投诉", "投诉单位服务的工单",
              higher_is_better=False),
    Indicator("complaints_satisfied", "投诉处理满意率", Group.HANDLING, s.CLOSED, _R, "satisfied", "about_service AND rated",
              "评价满意的投诉", "已评价的投诉单位服务的工单"),
)  # fmt: skip

SUPERVISION = (
    Indicator("abnormal", "异常办理率", Group.SUPERVISION, s.CLOSED, _R, "abnormal", "true",
              "命中监测规则（未联系即办结、答复过短、同样答复三次、推诿用语等）且没有排除的工单", "办结的工单",
              exclusions="督办核实后排除的不算", higher_is_better=False),
    Indicator("yellow", "黄牌数", Group.SUPERVISION, s.CARDS, _C, "true", "colour = 'yellow'", "发出的黄牌", "发出的黄牌", unit="张",
              higher_is_better=False),
    Indicator("red", "红牌数", Group.SUPERVISION, s.CARDS, _C, "true", "colour = 'red'", "发出的红牌", "发出的红牌", unit="张",
              higher_is_better=False),
    Indicator("yellow_share", "每千件黄牌", Group.SUPERVISION, s.ASSIGNED, _T, "yellow > 0", "true", "时段内派单得到的黄牌", "派单", value="yellow",
              unit="‰", higher_is_better=False),
    Indicator("red_share", "每千件红牌", Group.SUPERVISION, s.ASSIGNED, _T, "red > 0", "true", "时段内派单得到的红牌", "派单", value="red",
              unit="‰", higher_is_better=False),
)  # fmt: skip

_REVIEWED = texts("经审核不计入的（执法、调解、不合理诉求）不算，件数随比率一起公布")
CALLBACK = (
    Indicator("callback_tried", "回访率", Group.CALLBACK, s.CALLBACK_DUE, _R, "tried", "true", "联系过市民的回访任务", "到期的回访任务"),
    Indicator("callback_reached", "回访成功率", Group.CALLBACK, s.CALLBACK_DUE, _R, "reached", "tried", "联系上的回访任务", "联系过市民的回访任务"),
    Indicator("solved", "解决率", Group.CALLBACK, s.RATED, _R, "solved", "solvable", "市民说“已解决”的评价", "求助、投诉、举报类的评价",
              exclusions=_REVIEWED, without_excluded=True),
    Indicator("declared", "单位自报解决率", Group.CALLBACK, s.REPLIED, _R, "declared", "true", "单位答复已核实处理的派单", "审核通过的派单",
              exclusions="答复“无法核实”的不算解决"),
    Indicator("satisfied", "满意率", Group.CALLBACK, s.RATED, _R, "satisfaction IN ('very_satisfied', 'satisfied')", "true",
              "非常满意和满意的评价", "联系上并作了评价的", exclusions="没有评价的不算满意；经审核不计入的（执法、调解、不合理诉求）不算，件数随比率一起公布", target=95, without_excluded=True),
    Indicator("very_satisfied", "非常满意率", Group.CALLBACK, s.RATED, _R, "satisfaction = 'very_satisfied'", "true", "非常满意的评价",
              "联系上的回访和评价", exclusions=_REVIEWED, without_excluded=True),
)  # fmt: skip

_QUEUE = "(queued OR by_bot) AND NOT short"
CALLS = (
    Indicator("calls", "来电量", Group.CALLS, s.CALLS, _C, "true", "true", "接进来的来电", "接进来的来电", unit="个", higher_is_better=None),
    Indicator("answered", "接通率", Group.CALLS, s.CALLS, _R, "by_person OR by_bot", _QUEUE,
              "由人工接听，或市民自己选择由智能助手办完的来电", "进入排队或由智能助手办理的来电", exclusions="5秒内挂断的不算", target=95),
    Indicator("answered_15s", "15秒接通率", Group.CALLS, s.CALLS, _R, "answered_after <= 15", "queued AND NOT short", "排队15秒内由人工接听的来电",
              "进入排队的来电", exclusions="5秒内挂断的不算"),
    Indicator("abandoned", "放弃率", Group.CALLS, s.CALLS, _R, "abandoned", "queued", "没有等到人工就结束的来电", "进入排队的来电",
              higher_is_better=False),
    Indicator("wait", "平均等待", Group.CALLS, s.CALLS, _M, "waited IS NOT NULL", "queued", "等待秒数之和", "进入排队的来电", value="waited", unit="秒",
              higher_is_better=False),
    Indicator("wait_p95", "等待时间（95%分位）", Group.CALLS, s.CALLS, _P, "waited IS NOT NULL", "queued", "等待秒数的95%分位", "进入排队的来电",
              value="waited", unit="秒", higher_is_better=False),
    Indicator("talk", "平均通话", Group.CALLS, s.CALLS, _M, "true", "talked IS NOT NULL", "通话秒数之和", "已结束的来电", value="talked", unit="秒",
              higher_is_better=None),
    Indicator("talk_p95", "通话时间（95%分位）", Group.CALLS, s.CALLS, _P, "true", "talked IS NOT NULL", "通话秒数的95%分位", "已结束的来电",
              value="talked", unit="秒", higher_is_better=None),
    Indicator("called_back", "回拨率", Group.CALLS, s.RETURN_CALLS, _R, "in_time", "true", "1小时内回拨的漏接来电", "漏接来电"),
)  # fmt: skip

QUALITY = (
    Indicator("quality_checked", "质检通话量", Group.QUALITY, s.QUALITY_CHECKS, _C, "true", "true", "评过分的通话", "评过分的通话", unit="个",
              higher_is_better=None),
    Indicator("quality_score", "质检平均分", Group.QUALITY, s.QUALITY_CHECKS, _M, "true", "true", "质检得分之和", "评过分的通话", value="score",
              unit="分", exclusions="申诉成立的按改过的分数", target=90),
    Indicator("quality_fatal", "质检致命错误率", Group.QUALITY, s.QUALITY_CHECKS, _R, "fatal", "true", "有致命错误的通话", "评过分的通话",
              higher_is_better=False),
    Indicator("quality_upheld", "质检申诉成立率", Group.QUALITY, s.QUALITY_CHECKS, _R, "upheld", "decided", "申诉成立的通话", "申诉已处理的通话",
              exclusions="还没有处理的申诉不算", higher_is_better=None),
)  # fmt: skip

BOT = (
    Indicator("sessions", "会话量", Group.BOT, s.SESSIONS, _C, "true", "true", "结束的会话", "结束的会话", unit="个", higher_is_better=None),
    Indicator("self_solved", "自助解决率", Group.BOT, s.SESSIONS, _R, "self_solved", "true",
              "没有转人工、没有登记工单、24小时内同一市民没有再来的会话", "结束的会话"),
    Indicator("handed_over", "转人工率", Group.BOT, s.SESSIONS, _R, "handed", "true", "转给人工的会话", "结束的会话", higher_is_better=None),
    Indicator("questions", "办事提问量", Group.BOT, s.QUESTIONS, _C, "true", "true", "用知识库答过的和没有答好的问题", "用知识库答过的和没有答好的问题", unit="个",
              higher_is_better=None),
    Indicator("gaps", "没答好的提问", Group.BOT, s.QUESTIONS, _R, "gap", "true", "没有答案、只能让市民选、答后转人工、评价差或抽查判错的问题",
              "用知识库答过的和没有答好的问题", higher_is_better=False),
    Indicator("unanswered", "没有答案的提问", Group.BOT, s.QUESTIONS, _R, "cause = 'unanswered'", "true", "知识库里没有找到答案的问题",
              "用知识库答过的和没有答好的问题", exclusions="之后转了人工、评价差的算在那里", higher_is_better=False),
    Indicator("wrong_answers", "错误答复率", Group.BOT, s.ANSWER_CHECKS, _R, "wrong", "true", "抽查判错的答复", "抽查并判定的答复",
              exclusions="抽到还没有判定的不算", higher_is_better=False),
)  # fmt: skip

INDICATORS: tuple[Indicator, ...] = (*DEMAND, *REFUSAL, *DISPATCH, *HANDLING, *SUPERVISION, *CALLBACK, *CALLS, *QUALITY, *BOT)
BY_KEY: dict[str, Indicator] = {indicator.key: indicator for indicator in INDICATORS}

BENCHMARKS = (
    BenchmarkFigure("asr_cer", "语音识别字错率（CER）", "关键字段（地点、门牌号、姓名）的编辑距离 ÷ 正确文本的字数",
                    "需要人工听写的样本：benchmarks/telephony_calls.py；运行数据里没有正确文本，不能实时计算"),
    BenchmarkFigure("routing_top3", "派单推荐前三命中率、类别宏平均F1", "标准单位在推荐前三名里的比例；各类别F1的平均",
                    "需要人工标注的样本：类别和单位推荐的测试集；首派命中率可以实时计算"),
)  # fmt: skip
"""Figures that need labelled samples. Shown as what they are, never computed from live data."""
