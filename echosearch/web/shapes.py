"""The shapes of the API's documents; hits as in docs/search.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from echosearch.search.question import MAX_TEXT
from echosearch.search.results import MAX_TOP_K, Group, Sort
from echosearch.video import VIEW_GATE

__all__ = ["HitShape", "Page", "SearchAnswer", "SearchRequest"]

MOST_KEPT = 2000
MAX_WHERE = 512


class SearchRequest(BaseModel):
    """What to search for: ``text``, or studies that hits are to resemble."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str | None, Field(max_length=MAX_TEXT, description="what a report would say")] = None
    study: Annotated[UUID | None, Field(description="the key of a study that hits are to resemble")] = None
    like: Annotated[list[UUID], Field(max_length=19, description="more such studies")] = []
    unlike: Annotated[list[UUID], Field(max_length=19, description="studies that hits must not resemble")] = []
    where: Annotated[str | None, Field(max_length=MAX_WHERE, description="a condition (docs/search.md)")] = None
    view: Annotated[str | None, Field(max_length=40)] = None
    min_view_prob: Annotated[float, Field(ge=0, le=1)] = VIEW_GATE
    group: Group = "study"
    sort: Sort = "relevance"
    exact: bool = False
    rescore: bool = False
    as_typed: bool = False
    include_denied: bool = False
    include_same_patient: bool = False
    identified: Annotated[bool, Field(description="with identifiers: for clinicians who have given a reason")] = False
    limit: Annotated[int, Field(ge=1, le=MAX_TOP_K, description="hits of a page")] = 12
    kept: Annotated[int, Field(ge=1, le=MOST_KEPT, description="hits that are ranked and kept for pages")] = MAX_TOP_K


class HitShape(BaseModel):
    """A hit, as in docs/search.md."""

    model_config = ConfigDict(extra="allow")
    rank: int
    study: str
    score: float
    video: str | None
    video_score: float | None
    view: str | None
    view_prob: float | None
    mode: str | None
    device: str | None
    date: str | None
    age: int | None
    sex: str | None
    patient: str
    why: dict[str, Any] | None = None


class Page(BaseModel):
    """Hits of a search. ``next``: the cursor of the page behind it; null at the end."""

    hits: list[HitShape]
    next: str | None
    left_out: Annotated[int, Field(description="hits that can no longer be shown")] = 0


class SearchAnswer(Page):
    """A search that has been made, and its first hits."""

    id: UUID
    query: dict[str, Any]
    kept: Annotated[int, Field(description="hits that pages give")]
    count: Annotated[int, Field(description="studies that answer")]
    exact_count: Annotated[bool, Field(description="false: count is only how many were ranked")]
    group: Group
    encoder: dict[str, Any]
    warnings: list[str]
    understood: dict[str, Any] | None = None
    words: str = ""
    total: int | None = None
    strong: int | None = None
    belief: Literal["probability", "percentile", "words"] | None = None
    read_values: list[dict[str, Any]] = []
    asked: Annotated[dict[str, Any], Field(description="the request, without what is as by default")] = {}
