"""Public benchmarks as their authors lay them out, from small files of that shape."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from echosearch.errors import ConfigError, FileRefused, TableError
from echosearch.outcome import Reason
from echosearch.video import View
from tests.trainer.data.benchmark_files import (
    write_camus,
    write_cardiobench,
    write_echonet,
    write_mhd,
    write_nifti,
    write_table,
)
from trainer.data.benchmark import read_benchmark, traced_ef
from trainer.data.volume import is_volume, open_volume

GREY = np.random.default_rng(0).integers(0, 256, (5, 8, 10), dtype=np.uint8)


def test_echonet_dynamic_has_one_video_a_study_and_its_split(tmp_path: Path) -> None:
    efs = write_echonet(tmp_path, 4)
    found = read_benchmark(tmp_path)
    assert (found.name, found.target, found.missing) == ("EchoNet-Dynamic", "EF", 1)
    assert [one.label for one in found.studies] == efs
    assert [one.split for one in found.studies] == ["test", "train", "train", "train"]
    assert {video.view for one in found.studies for video in one.study.videos} == {View.CH4}
    assert len({one.study.patient for one in found.studies}) == 4
    assert not any("0X0" in repr(one) for one in found.studies)  # names of files are not shown
    for name, ef in zip(sorted(found.tracings), efs, strict=True):
        assert traced_ef(found.tracings[name]) == pytest.approx(ef)


def test_tracings_without_two_frames_have_no_ef() -> None:
    disc = np.array([[0, 0, 0, 10], [-5, 1, 5, 1], [-5, 2, 5, 2]], float)
    assert traced_ef({1: disc}) is None
    assert traced_ef({1: disc, 2: disc[:2]}) is None
    assert traced_ef({1: disc, 2: disc}) == 0


def test_camus_has_both_views_of_a_patient_in_either_format(tmp_path: Path) -> None:
    efs = write_camus(tmp_path / "database_nifti", 4)
    found = read_benchmark(tmp_path)
    assert (found.name, found.missing) == ("CAMUS", 0)
    assert [one.label for one in found.studies] == efs
    assert [one.split for one in found.studies] == ["test", "train", "train", "train"]
    assert [[v.view for v in one.study.videos] for one in found.studies] == [[View.CH2, View.CH4]] * 4
    for one in found.studies:
        for video in one.study.videos:
            assert isinstance(video.source, Path)
            volume = open_volume(video.source)
            assert (volume.n_frames, volume.grey.shape[1:]) == (16, (112, 112))
            assert next(iter(volume.frames([3]))).std() > 10


def test_a_cardiobench_list_counts_a_patient_once(tmp_path: Path) -> None:
    for name in ("a2", "a4", "b4"):
        write_nifti(tmp_path / f"{name}.nii.gz", GREY)
    file = tmp_path / "segrwma_split.csv"
    rows = [
        ("a2.nii.gz", "A2C", "a", 0, "train"),
        ("a4.nii.gz", "A4C", "a", 1, "train"),
        ("b4.nii.gz", "A4C", "b", 0, "test"),
        ("gone.nii.gz", "A4C", "c", 0, "test"),
    ]
    write_cardiobench(file, rows)
    found = read_benchmark(file)
    assert (found.name, found.target, found.missing) == ("CardioBench", "abnormal", 1)
    assert [(one.label, one.split, len(one.study.videos)) for one in found.studies] == [(1, "train", 2), (0, "test", 1)]
    write_cardiobench(file, [*rows, ("b4.nii.gz", "A3C", "b", 0, "train")])
    with pytest.raises(TableError, match="line 6: this patient is in two splits"):
        read_benchmark(file)
    write_cardiobench(file, [("a2.nii.gz", "A2C", "a", 2, "train")])
    with pytest.raises(TableError, match="line 2: abnormal is 0 or 1"):
        read_benchmark(file)
    with pytest.raises(ConfigError, match="choose the label with --target: abnormal"):
        read_benchmark(file, "STEMI")


def test_other_layouts_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no benchmark"):
        read_benchmark(tmp_path)
    write_table(tmp_path / "FileList.csv", [["FileName", "EF"], ["x", "1"]])
    with pytest.raises(TableError, match=r"FileList\.csv, line 1: column 'Split' is missing"):
        read_benchmark(tmp_path)
    with pytest.raises(ConfigError, match="has EF"):
        read_benchmark(tmp_path, "STEMI")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mhd", "compressed.mhd"])
def test_a_volume_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name.endswith("mhd"):
        write_mhd(file, GREY, compressed=name.startswith("compressed"))
    else:
        write_nifti(file, GREY)
    assert is_volume(file)
    volume = open_volume(file)
    assert np.array_equal(volume.grey, GREY)
    assert np.array_equal(next(iter(volume.frames([2]))), np.repeat(GREY[2][..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["i2", "f4"])
def test_wider_values_keep_their_greys_or_are_scaled(tmp_path: Path, kind: str) -> None:
    write_nifti(tmp_path / "a.nii", GREY, kind)
    assert np.array_equal(open_volume(tmp_path / "a.nii").grey, GREY)
    wide = GREY.astype(np.int16) * 10
    write_nifti(tmp_path / "b.nii", wide, kind)  # type: ignore[arg-type]
    assert np.abs(open_volume(tmp_path / "b.nii").grey.astype(int) - GREY).max() <= 1


def test_damaged_and_hostile_volumes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.nii.gz"
    write_nifti(file, GREY)
    whole = gzip.decompress(file.read_bytes())

    def refused(content: bytes, path: Path = tmp_path / "x.nii") -> Reason:
        path.write_bytes(content)
        with pytest.raises(FileRefused) as caught:
            open_volume(path)
        return caught.value.outcome.reason

    assert refused(whole[:400]) is Reason.DECODE_FAILED
    assert refused(whole[:2]) is Reason.DECODE_FAILED
    assert refused(whole[:100]) is Reason.BAD_HEADER
    assert refused(b"\0" * 400) is Reason.BAD_HEADER
    assert refused(file.read_bytes()[:60], tmp_path / "x.nii.gz") is Reason.DECODE_FAILED
    assert refused(b"no gzip", tmp_path / "x.nii.gz") is Reason.DECODE_FAILED
    huge = bytearray(whole)
    struct.pack_into("<8h", huge, 40, 3, 4000, 4000, 3000, 1, 1, 1, 1)
    assert refused(bytes(huge)) is Reason.TOO_LARGE
    for data in ("../a.raw", "/etc/passwd", "LOCAL", ""):
        lines = f"DimSize = 10 8 5\nElementType = MET_UCHAR\nElementDataFile = {data}\n"
        assert refused(lines.encode(), tmp_path / "x.mhd") is Reason.BAD_HEADER
