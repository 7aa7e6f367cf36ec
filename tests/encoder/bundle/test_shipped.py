"""The bundles that come inside the package, by name."""

from pathlib import Path

import pytest

from echosearch.encoder.bundle.catalog import bundles_at_hand
from echosearch.encoder.bundle.folder import bundle_kind, identify, load_manifest, load_view_manifest, verify_files
from echosearch.encoder.bundle.installed import bundle_in_use, use_bundle, use_views
from echosearch.encoder.bundle.shipped import find_bundle, shipped_bundles


def test_an_encoder_and_a_view_classifier_ship_whole() -> None:
    shipped = shipped_bundles()
    kinds = {name: bundle_kind(folder) for name, folder in shipped.items()}
    assert kinds == {"phantom-tiny": "encoder", "phantom-views": "view_classifier"}
    for name, folder in shipped.items():
        manifest = load_manifest(folder) if kinds[name] == "encoder" else load_view_manifest(folder)
        assert (manifest.name, manifest.trained, manifest.licence) == (name, True, "Apache-2.0")
        verify_files(folder, manifest.files)


def test_a_name_means_what_ships_unless_something_lies_there(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = Path("phantom-tiny")
    assert find_bundle(name) == shipped_bundles()["phantom-tiny"]
    assert find_bundle(Path("no-such")) == Path("no-such")
    assert find_bundle(Path("./other/phantom-tiny")) == Path("other/phantom-tiny")
    assert bundle_in_use(tmp_path, name) == shipped_bundles()["phantom-tiny"]  # ECHOSEARCH_ENCODER
    name.symlink_to(tiny_bundle)
    assert find_bundle(name) == name
    assert use_bundle(tmp_path / "home", find_bundle(name)).name == "tiny"


def test_what_is_at_hand_stands_once(tmp_path: Path, tiny_bundle: Path) -> None:
    def listed() -> list[tuple[str, bool, bool]]:
        return [(one.name, one.in_use, one.shipped) for one in bundles_at_hand(tmp_path)]

    assert listed() == [("phantom-tiny", False, True), ("phantom-views", False, True)]
    use_bundle(tmp_path, tiny_bundle)
    assert listed() == [("tiny", True, False), ("phantom-tiny", False, True), ("phantom-views", False, True)]
    shipped = shipped_bundles()
    use_bundle(tmp_path, shipped["phantom-tiny"])
    use_views(tmp_path, shipped["phantom-views"])
    assert listed() == [("phantom-tiny", True, True), ("tiny", False, False), ("phantom-views", True, True)]
    first, *_, last = bundles_at_hand(tmp_path)
    assert first.folder == bundle_in_use(tmp_path)  # HOME's copy, no longer the one inside the package
    assert (first.fingerprint, first.dimension) == (
        identify(first.folder).fingerprint,
        identify(first.folder).dimension,
    )
    assert (last.kind, last.dimension, last.version) == (
        "view_classifier",
        None,
        load_view_manifest(last.folder).version,
    )
    (tmp_path / "views").write_text("gone\n")
    assert listed()[-1] == ("phantom-views", False, True)
