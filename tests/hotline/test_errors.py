"""Errors that people are told about."""

from __future__ import annotations

from hotline.errors import InvalidInput


def test_braces_that_somebody_typed_are_told_as_they_are() -> None:
    error = InvalidInput("流程文件有误：{who: [citizen", field="document")
    assert error.errors == {"document": "流程文件有误：{who: [citizen"}
    assert str(error) == error.told(lambda text: text) == "流程文件有误：{who: [citizen"


def test_parameters_fill_the_message_of_the_field_too() -> None:
    error = InvalidInput("最多{n}个字", field="text", n=5)
    assert error.errors == {"text": "最多5个字"}
    assert str(error) == "最多5个字"
