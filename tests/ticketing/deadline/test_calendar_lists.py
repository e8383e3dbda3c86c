"""Reading lists of days and office hours: JSON, CSV, the package, and what is wrong with them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import InvalidInput
from tests.ticketing.deadline.holidays import wanted
from ticketing.calendar.lists import Day, DayList, read, read_periods


def test_the_states_councils_list_as_it_is_published() -> None:
    found = wanted()
    assert found.years == {2027}
    assert found.errors == []
    filled = found.filled()
    assert len(filled) == 365
    assert filled[date(2027, 1, 4)] == Day(date(2027, 1, 4), is_work=False, name="元旦")
    assert filled[date(2027, 1, 9)].is_work
    assert filled[date(2027, 3, 6)] == Day(date(2027, 3, 6), is_work=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_file_in_whatever_encoding_excel_wrote(encoding: str) -> None:
    content = "日期,是否上班,名称\n2027/1/1,休息,元旦\n\n2027-1-9,上班,调休\n".encode(encoding)
    found = read(content, years={2027})
    assert found.errors == []
    assert found.days == {
        date(2027, 1, 1): Day(date(2027, 1, 1), is_work=False, name="元旦"),
        date(2027, 1, 9): Day(date(2027, 1, 9), is_work=True, name="调休"),
    }


def test_every_faulty_row_is_named() -> None:
    rows = [
        "date,is_work,name",
        "2027-02-30,1,",
        "2027-01-01,perhaps,",
        "tomorrow,0,",
        "2027-01-02,0,元旦",
        "2027-01-02,1,",
        "1999-01-01,0,",
        f"2027-01-03,0,{'长' * 31}",
    ]
    found = read("\n".join(rows))
    assert list(found.days) == [date(2027, 1, 2)]
    assert [error.split("：")[0] for error in found.errors] == ["第1行", "第2行", "第3行", "第5行", "第6行", "第7行"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"days": 3}', b'{"year": "soon"}', b"a,b\n1,2", b"\xff\xfe\xff", b"[" * 100_000, b"x" * 2_000_000,
     b"date,is_work\n" + b"2027-01-01,0\n" * 4000, b'{"years": [true], "days": []}'],
)  # fmt: skip
def test_what_is_no_list_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        read(content)


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(content: str) -> None:
    try:
        read(content)
    except InvalidInput:
        return


@given(
    st.dictionaries(
        st.dates(date(2000, 1, 1), date(2100, 12, 31)), st.tuples(st.booleans(), st.sampled_from(["", "春节", 'a,b"c'])), max_size=20
    )
)
def test_a_list_survives_the_way_through_the_preview(days: dict[date, tuple[bool, str]]) -> None:
    found = DayList({day: Day(day, *value) for day, value in days.items()}, years={2027})
    again = read(found.as_text())
    assert (again.days, again.years, again.errors) == (found.days, found.years, [])


@pytest.mark.parametrize(
    ("typed", "periods"),
    [
        ("9:00-12:00, 13:30-17:30", [(540, 720), (810, 1050)]),
        ("00:00-24:00", [(0, 1440)]),
        ("8：30—12：00；14：00至24：00", [(510, 720), (840, 1440)]),
    ],
)
def test_office_hours_are_read(typed: str, periods: list[tuple[int, int]]) -> None:
    assert read_periods(typed) == periods


@pytest.mark.parametrize("typed", ["", "nine to five", "9:00", "9:60-10:00", "9:00-12:00 13:00", "-1:00-2:00"])
def test_other_office_hours_are_not(typed: str) -> None:
    with pytest.raises(InvalidInput):
        read_periods(typed)
