"""Punctuation of templates in the reader's language: `，` between two words of a page is `, ` in English.

Words stand in `_()`; what stands between them would stay full-width on English pages. Templates are written with Chinese
punctuation, and this extension has it looked up like the words. What people wrote is never touched: it is no part of a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import Environment
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from hotline.i18n import _, texts

MARKS = texts({"，": "，", "、": "、", "。": "。", "；": "；", "：": "：", "（": "（", "）": "）"})
_MARK = re.compile("([" + "".join(MARKS) + "])")
_NAME = "punctuation"


def punctuation(mark: str) -> str:
    """The mark as the reader's language writes it."""
    return _(MARKS[mark])


class Punctuation(Extension):
    """Marks in the text of a template, and those that are a whole string of an expression (`join("、")`)."""

    def __init__(self, environment: Environment) -> None:
        """The look-up is a global of `environment` from the beginning: a page's context is made before what it includes is read."""
        super().__init__(environment)
        environment.globals[_NAME] = punctuation

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """As Jinja gives it: tokens in, tokens out."""
        for token in stream:
            if token.type == "data":
                yield from _in_text(token)
            elif token.type == "string" and token.value in MARKS:
                yield from _looked_up(token.lineno, token.value)
            else:
                yield token


def _in_text(token: Token) -> Iterator[Token]:
    for piece in _MARK.split(token.value):
        if piece in MARKS:
            yield Token(token.lineno, "variable_begin", "")
            yield from _looked_up(token.lineno, piece)
            yield Token(token.lineno, "variable_end", "")
        elif piece:
            yield Token(token.lineno, "data", piece)


def _looked_up(line: int, mark: str) -> Iterator[Token]:
    yield Token(line, "name", _NAME)
    yield Token(line, "lparen", "(")
    yield Token(line, "string", mark)
    yield Token(line, "rparen", ")")
