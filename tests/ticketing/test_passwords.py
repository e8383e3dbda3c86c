"""What a password must be, and one-time codes held to the vectors of RFC 6238."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from hotline.errors import InvalidInput
from ticketing.people.passwords import MIN_LENGTH, check_password, common_passwords, initial_password
from ticketing.people.totp import code_at, matching_step, new_secret, step_of, uri

VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_codes_are_those_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    assert code_at(SECRET, seconds // 30, digits=8) == code
    assert code_at(SECRET, seconds // 30) == code[2:]


def test_a_code_is_good_for_its_step_and_a_neighbour_and_never_again() -> None:
    now = datetime(2026, 11, 18, 2, 0, 10, tzinfo=UTC)
    step = step_of(now)
    for offset, good in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        assert (matching_step(SECRET, code_at(SECRET, step + offset), now, after=-1) == step + offset) is good
    assert matching_step(SECRET, code_at(SECRET, step), now, after=step) is None
    assert matching_step(SECRET, code_at(SECRET, step - 1), now, after=step) is None  # an older one neither
    for typed in ("", "abc", "一二三四五六", "000000 ", "0" * 500):
        assert matching_step(SECRET, typed, now, after=step + 1) is None


def test_secrets_differ_and_stand_in_the_address_for_the_app() -> None:
    assert len({new_secret() for _ in range(50)}) == 50
    assert (
        uri("ABC", account="a b", issuer="云川市")
        == "otpauth://totp/%E4%BA%91%E5%B7%9D%E5%B8%82:a%20b?secret=ABC&issuer=%E4%BA%91%E5%B7%9D%E5%B8%82"
    )


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "123456789", "1234567890", "0987654321", "abcdefghij", "qwertyuiop", "Password123", "PASSWORD1234",
        "aaaaaaaaaa", "1212121212", "zhangxiaoyu", "zhangxiaoyuzhangxiaoyu", "zhangxiaoyu12", "hotline12345", "x" * 201, "woaini1314",
    ],
)  # fmt: skip
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        check_password(password, login="zhangxiaoyu", name="张晓雨", staff_number="1001")


@pytest.mark.parametrize(
    "password",
    ["竹林里有七只白鹤飞过", "correct horse battery", "tiaozhan-bingqilin-7", "  leading blanks count", "zhangxiaoyu likes tea at five"],
)
def test_long_ones_are_taken_whatever_their_characters(password: str) -> None:
    check_password(password, login="zhangxiaoyu", name="张晓雨", staff_number="1001")


def test_initial_passwords_are_random_readable_and_strong_enough_themselves() -> None:
    made = {initial_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        assert not set("01ilo") & set(password)
        check_password(password, login="zhangxiaoyu")


def test_the_list_of_common_passwords_holds_only_what_length_lets_pass() -> None:
    assert len(common_passwords()) > 250
    assert all(len(word) >= MIN_LENGTH and word == word.casefold() for word in common_passwords())
