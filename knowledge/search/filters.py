"""For whom and where an answer is wanted: of the articles only those that hold there, the own district's before the city's."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, true

from knowledge.article.models import Article

CITY_WIDE = ""
"""As a district: only what holds in the whole city. For somebody who cannot or will not say where they live."""


@dataclass(frozen=True)
class Filters:
    """Only articles of this scene, unit, district (with those of the whole city) and audience (with those for everybody)."""

    scene: str = ""
    unit_id: int | None = None
    district: str | None = None
    """None: wherever they hold; `CITY_WIDE`: no district's own; a name: its own, and the whole city's."""
    audience: str = ""

    def condition(self) -> ColumnElement[bool]:
        """As SQL."""
        parts: list[ColumnElement[bool]] = [true()]
        if self.scene:
            parts.append((Article.scene == self.scene) | Article.also_scenes.contains([self.scene]))
        if self.unit_id is not None:
            parts.append(Article.unit_id == self.unit_id)
        if self.district is not None:
            parts.append(Article.district.in_((CITY_WIDE, self.district)))
        if self.audience:
            parts.append((func.jsonb_array_length(Article.audiences) == 0) | Article.audiences.contains([self.audience]))
        return and_(*parts)


ANY = Filters()
