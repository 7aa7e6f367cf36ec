"""Cines themselves: `echosearch contour`, `preview`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from echosearch.contour.values import Biplane, Figure, FoundBeat, HeadInfo, NoFigure, Source
from echosearch.preview.job import PreviewCounts
from echosearch.preview.values import PreviewSize
from echosearch.video import View
from shapes.base import CLOSED, Commands, Key, closed_of

__all__ = ["COMMANDS"]


class ShownPreview(BaseModel):
    model_config = CLOSED
    out: str
    size: PreviewSize
    width: int
    height: int
    frames: int
    seconds: float
    frames_per_second: float
    time_known: Annotated[bool, Field(description="false: the file states no time, and 30 frames a second are assumed")]


class ShownContours(BaseModel):
    model_config = CLOSED
    target: Annotated[str, Field(description="as it was given")]
    source: Annotated[Source, Field(description="seg: imported from DICOM SEG, and no head drew it")]
    view: View
    frames: int
    figure: Annotated[Figure | None, Field(description="lengths in mm; null: no_figure says why")]
    no_figure: NoFigure | None
    why: str
    beats: Annotated[list[FoundBeat], Field(description="frames from 0")]
    areas: Annotated[list[float | None] | None, Field(description="of each frame, as a share of the box")]
    outlines: Annotated[
        list[list[Annotated[list[float], Field(min_length=2, max_length=2)]] | None] | None,
        Field(description="of each frame: points, 0 to 1 from left and from above in the box; as a preview is cut"),
    ]


class ContourDocument(BaseModel):
    model_config = CLOSED
    source: Literal["contour"]
    head: Annotated[HeadInfo | None, Field(description="of the cines whose source is head; null: there are none")]
    warning: str | None
    cines: list[ShownContours]
    biplane: Biplane | None


class ImportedContours(BaseModel):
    model_config = CLOSED
    video: Key
    source: Source
    view: View
    frames: Annotated[int, Field(description="of the cine")]
    figure: Figure | None
    no_figure: NoFigure | None
    why: str
    beats: Annotated[list[FoundBeat], Field(description="frames from 0")]
    masks: Annotated[int, Field(description="frames that the files mark")]
    drawn: Annotated[int, Field(description="masks that are one piece of a cavity within the picture")]
    replaced: Annotated[bool, Field(description="contours that were imported before")]


class RefusedFiles(BaseModel):
    model_config = CLOSED
    video: Annotated[Key | None, Field(description="whose marks they are; null: a file that cannot be used")]
    files: Annotated[list[str], Field(description="those of folders with --name-files alone")]
    why: str


class ContourImport(BaseModel):
    model_config = CLOSED
    imported: list[ImportedContours]
    refused: list[RefusedFiles]
    other_files: Annotated[int, Field(description="of folders, no Segmentation objects")]
    other_segments: Annotated[int, Field(description="that are not the left ventricle")]


COMMANDS: Commands = {
    "contour": ("echosearch contour --json", ContourDocument),
    "contour-import": ("echosearch contour import --json", ContourImport),
    "contour-forget": ("echosearch contour forget --json", closed_of("contour-forget", forgotten=list[Key])),
    "preview-make": ("echosearch preview make --json", closed_of("preview-make", PreviewCounts, size=PreviewSize)),
    "preview-show": ("echosearch preview show --json", ShownPreview),
}
