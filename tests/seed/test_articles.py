"""The guide articles and the held-out questions: whole, honest, and readable aloud."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
import yaml

from hotline.errors import InvalidInput
from knowledge.seed import SeedArticle, load_articles, load_heldout
from knowledge.seed.loader import SEED_DIR
from ticketing.seed.entries import read_units

ARTICLES = load_articles()
HELDOUT = load_heldout()
SCENES = {
    "户籍与证件",
    "婚育与家庭",
    "社保与医保",
    "劳动",
    "住房与不动产",
    "企业与经营",
    "车辆与出行",
    "教育",
    "民政与残疾人",
    "公用事业与城管",
    "热线自己",
}


def test_there_are_enough_articles_in_every_scene() -> None:
    assert len(ARTICLES) >= 40
    assert {article.scene for article in ARTICLES} == SCENES


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.slug)
def test_an_article_is_spoken_without_reading_aids(article: SeedArticle) -> None:
    assert len(article.spoken) <= 150
    assert not any(unicodedata.category(char).startswith(("N", "L")) and char.isascii() for char in article.spoken)
    assert not set(article.spoken) & set("（）《》“”()[]/:-")


def test_every_article_belongs_to_a_unit_that_exists() -> None:
    units = {unit.name for unit in read_units() if unit.active}
    assert {article.unit for article in ARTICLES} <= units


def test_no_question_stands_in_two_articles() -> None:
    questions = [question for article in ARTICLES for question in article.questions]
    assert len(questions) == len(set(questions))


def test_articles_with_invented_values_say_so_and_every_article_asks_for_review() -> None:
    for article in ARTICLES:
        assert "审核" in article.body.note, article.slug
        assert not article.sample_data or "样例数据" in article.body.note, article.slug
        # local telephone numbers have the area code 0000, which does not exist
        assert article.sample_data or "0000-" not in article.body.phone, article.slug


def test_held_out_questions_are_new_and_enough() -> None:
    asked = {question for article in ARTICLES for question in article.questions}
    assert not asked & {entry.question for entry in HELDOUT}
    slugs = [entry.slug for entry in HELDOUT if entry.slug is not None]
    assert len(slugs) >= 80
    assert set(slugs) == {article.slug for article in ARTICLES}
    assert sum(entry.slug is None for entry in HELDOUT) >= 20


def _broken(tmp_path: Path, **changes: object) -> Path:
    source = SEED_DIR / "articles" / "id-card-lost.yaml"
    data = yaml.safe_load(source.read_text(encoding="utf-8"))
    data.update(changes)
    path = tmp_path / source.name
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spoken": "请带身份证，费用40元，到派出所办理。"}, "数字写成汉字"),
        ({"spoken": "请看网站https，自己在网上办理就行。"}, "不能有"),
        ({"questions": ["只有一个问法"]}, "questions"),
        ({"questions": ["身份证丢了怎么补办"] * 8}, "重复"),
        ({"valid_until": "2020-01-01"}, "valid_until"),
        ({"tilte": "拼错的字段"}, "tilte"),
        ({"slug": "another"}, "文件名"),
        ({"body": {"basis": "有"}}, "body.materials"),
    ],
)
def test_a_faulty_article_is_refused_with_file_and_field(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_articles(_broken(tmp_path, **changes))
    assert "id-card-lost" in str(caught.value)
    assert said in str(caught.value)


def test_an_article_without_review_note_is_refused(tmp_path: Path) -> None:
    source = yaml.safe_load((SEED_DIR / "articles" / "id-card-lost.yaml").read_text(encoding="utf-8"))
    with pytest.raises(InvalidInput, match="须由本市主管部门审核"):
        load_articles(_broken(tmp_path, body={**source["body"], "note": "样例数据"}))


def test_the_same_question_in_two_files_is_refused(tmp_path: Path) -> None:
    _broken(tmp_path)
    data = yaml.safe_load((tmp_path / "id-card-lost.yaml").read_text(encoding="utf-8"))
    data["slug"] = "second"
    (tmp_path / "second.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    with pytest.raises(InvalidInput, match="出现了两次"):
        load_articles(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="没有办事指南"):
        load_articles(tmp_path)


@pytest.mark.parametrize("text", ["- {question: 天气", "\x00", "42", "- {question: 今天天气怎么样, slug: 3}"])
def test_a_held_out_file_that_is_no_list_of_questions_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "heldout.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        load_heldout(path)
    assert str(path) in str(caught.value)
