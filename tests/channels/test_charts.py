# ruff: noqa: S314, E501 - our own pictures
"""Charts: round scales, all points, words for those who cannot see them, nothing of a person's text taken for markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from channels.web.charts import bars, columns, line, ticks


@pytest.mark.parametrize(
    ("highest", "marks"),
    [(0, [0, 1]), (1, [0, 1]), (7, [0, 2, 4, 6, 8]), (100, [0, 20, 40, 60, 80, 100]), (1234, [0, 500, 1000, 1500]), (0.4, [0, 0.1, 0.2, 0.3, 0.4])],
)  # fmt: skip
def test_scales_are_round(highest: float, marks: list[float]) -> None:
    assert ticks(highest) == pytest.approx(marks)
    assert ticks(highest)[-1] >= highest


def test_columns_have_a_scale_and_a_column_for_each_point() -> None:
    picture = columns([(f"11-{day:02d}", day) for day in range(1, 31)], title="每天诉求量", unit="件")
    root = ElementTree.fromstring(str(picture))
    assert len(re.findall('class="mark"', picture)) == 30
    assert ">30</text>" in picture  # top of the scale
    assert root.find(".//title") is not None
    assert "11-07 7件" in picture


def test_a_line_leaves_a_gap_where_there_is_no_value() -> None:
    picture = str(line([("a", 90.0), ("b", None), ("c", 80.0), ("d", 85.0)], title="率"))
    path = re.search(r'class="curve" d="([^"]*)"', picture)
    assert path
    assert path[1].count("M") == 2
    assert "100%</text>" in picture


def test_names_are_text() -> None:
    picture = str(bars([("<script>alert(1)</script>", 3)], title="<b>", unit="件"))
    assert "<script>" not in picture
    assert "<b>" not in picture
    ElementTree.fromstring(picture)


def test_nothing_to_show_is_still_a_picture() -> None:
    for picture in (columns([], title="空"), line([], title="空"), bars([], title="空")):
        ElementTree.fromstring(str(picture))


def test_each_mark_leads_to_what_it_counts_also_without_a_mouse() -> None:
    links = ["/list?period=2026-11-01&indicator=received", "/list?period=2026-11-02&indicator=received"]
    for draw in (columns, bars, line):
        picture = str(draw([("11-01", 3.0), ("11-02", 5.0)], title="诉求量", links=links))
        ElementTree.fromstring(f"<div>{picture}</div>")
        drawing, folded = picture.split("</svg>")
        assert 'role="img"' not in drawing  # what is in an image is no link
        for part in (drawing, folded):
            assert [href.replace("&amp;", "&") for href in re.findall(r'<a href="([^"]*)"', part)] == links
        assert drawing.count('tabindex="-1"') == 2
        assert "tabindex" not in folded


def test_without_links_it_is_an_image() -> None:
    picture = str(columns([("11-01", 3.0)], title="诉求量"))
    assert 'role="img"' in picture
    assert "<a " not in picture
    assert "<details" not in picture
