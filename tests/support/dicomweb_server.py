"""A DICOMweb server over a folder of DICOM files: QIDO-RS and WADO-RS (PS3.18), on a real socket, in its own process.

    python tests/support/dicomweb_server.py FOLDER PORT

``FOLDER/.log`` gets a line for each request. It speaks as the standard says, and serves as a PACS that can be killed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response

__all__ = ["application"]

BOUNDARY = "a-boundary"


def instances_of(folder: Path) -> dict[str, tuple[Path, Any]]:
    """Return file and header of every instance, by its SOPInstanceUID."""
    headers = ((path, pydicom.dcmread(path, stop_before_pixels=True)) for path in sorted(folder.rglob("*.dcm")))
    return {str(header.SOPInstanceUID): (path, header) for path, header in headers}


def matching(instances: dict[str, tuple[Path, Any]], **wanted: str) -> Iterator[Any]:
    for _, header in instances.values():
        if all(str(getattr(header, name)) == value for name, value in wanted.items()):
            yield header


def answer(found: Iterator[Any], keyword: str, offset: int, limit: int) -> Response:
    unique = list({str(getattr(one, keyword)): one for one in found}.values())[offset : offset + limit]
    if not unique:
        return Response(status_code=204)
    keys = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality")
    documents = []
    for one in unique:
        shown = pydicom.Dataset()
        for key in keys:
            setattr(shown, key, getattr(one, key))
        documents.append(shown.to_json())
    return Response(f"[{','.join(documents)}]", media_type="application/dicom+json")


def application(folder: Path) -> FastAPI:
    """Return the application; every ``.dcm`` of the folder is an instance."""
    instances = instances_of(folder)
    app = FastAPI()

    @app.middleware("http")
    async def log(request: Request, following: Any) -> Any:
        with open(folder / ".log", "a") as lines:
            lines.write(f"{request.url.path}?{request.url.query}\n")
        return await following(request)

    @app.get("/moved/studies")
    def moved() -> Response:
        return Response(status_code=302, headers={"Location": "/dicom-web/studies?StudyDate=20240314"})

    @app.get("/dicom-web/studies")
    def studies(StudyDate: str, limit: int = 1000, offset: int = 0) -> Response:  # noqa: N803 - as the standard has it
        return answer(matching(instances, StudyDate=StudyDate), "StudyInstanceUID", offset, limit)

    @app.get("/dicom-web/studies/{study}/series")
    def series(study: str, limit: int = 1000, offset: int = 0) -> Response:
        return answer(matching(instances, StudyInstanceUID=study), "SeriesInstanceUID", offset, limit)

    @app.get("/dicom-web/studies/{study}/series/{one}/instances")
    def listed(study: str, one: str, limit: int = 1000, offset: int = 0) -> Response:
        return answer(
            matching(instances, StudyInstanceUID=study, SeriesInstanceUID=one), "SOPInstanceUID", offset, limit
        )

    @app.get("/dicom-web/studies/{study}/series/{one}/instances/{instance}")
    def retrieve(study: str, one: str, instance: str) -> Response:
        if instance not in instances:
            raise HTTPException(404)
        head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = head + instances[instance][0].read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
        return Response(body, media_type=f'multipart/related; type="application/dicom"; boundary={BOUNDARY}')

    return app


if __name__ == "__main__":
    uvicorn.run(application(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
