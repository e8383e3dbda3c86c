"""Text that gets through the platform, whatever is in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from channels.wechat.incoming import read
from channels.wechat.replies import MAX_BYTES, clean, cut, render
from tests.simulators.wechat_codec import from_xml, to_xml

MESSAGE = read(to_xml({"ToUserName": "gh_1", "FromUserName": "o1", "CreateTime": 1, "MsgType": "text", "Content": "a", "MsgId": 7}))


@given(st.text(max_size=900))
def test_any_text_arrives_as_it_is_but_for_forbidden_characters_and_length(text: str) -> None:
    reply = from_xml(render(MESSAGE, text, "1700000000"))
    arrived = reply["Content"] if isinstance(reply["Content"], str) else ""
    assert arrived == cut(clean(text)).replace("\r\n", "\n").replace("\r", "\n")
    assert len(arrived.encode()) <= MAX_BYTES


def test_cdata_ends_and_elements_in_quoted_text_stay_text() -> None:
    text = "]]></Content><FromUserName>x</FromUserName><Content><![CDATA[ ]]>]]>"
    reply = from_xml(render(MESSAGE, text, "1700000000"))
    assert reply["Content"] == text
    assert reply["FromUserName"] == "gh_1"


@given(st.text(max_size=3000))
def test_cut_never_splits_a_character_nor_exceeds_the_limit(text: str) -> None:
    text = clean(text)
    short = cut(text)
    assert len(short.encode()) <= MAX_BYTES
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
