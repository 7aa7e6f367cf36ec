"""The encoders of an archive."""

import os
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from click.testing import CliRunner

from echosearch.cli.commands.encoder import choose
from echosearch.encoder.bundle.folder import identify
from echosearch.encoder.bundle.installed import bundle_in_use, find_own_bundle, list_bundles, use_bundle
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.check import check_bundle
from echosearch.encoder.create import init_bundle
from echosearch.errors import BundleError, NoEncoder


def test_use_takes_a_copy_and_points_at_it(tiny_bundle: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    encoder = use_bundle(home, tiny_bundle)
    used = bundle_in_use(home)
    assert used == home / "encoders" / f"tiny-{encoder.fingerprint[:12]}"
    assert identify(used) == encoder == identify(tiny_bundle)
    assert use_bundle(home, tiny_bundle) == encoder  # twice changes nothing
    assert list_bundles(home) == [(used, encoder, True)]
    assert sorted(path.name for path in home.iterdir()) == ["encoder", "encoders"]


def test_the_last_one_chosen_counts_and_both_stay(tiny_bundle: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    other = tmp_path / "other"
    init_bundle("tiny", ["左室拡大なし"], other, name="other", seed=2)
    use_bundle(home, tiny_bundle)
    chosen = use_bundle(home, other)
    assert identify(bundle_in_use(home)) == chosen
    assert [(encoder.name, used) for _, encoder, used in list_bundles(home)] == [("other", True), ("tiny", False)]


def test_a_name_means_a_folder_then_what_ships_then_what_was_in_use(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    namesake = tmp_path / "namesake"
    init_bundle("tiny", ["左室拡大なし"], namesake, name="phantom-tiny", seed=2)
    use_bundle(home, namesake)
    shipped = find_own_bundle(home, Path("phantom-tiny"))
    assert identify(shipped) != identify(namesake)
    (own,) = (home / "encoders").iterdir()
    assert find_own_bundle(home, Path(own.name)) == own
    use_bundle(home, tiny_bundle)
    assert find_own_bundle(home, Path("tiny")) == bundle_in_use(home)
    again = tmp_path / "again"
    init_bundle("tiny", ["左室拡大なし"], again, name="tiny", seed=3)
    use_bundle(home, again)
    with pytest.raises(BundleError, match=r"2 encoders are called tiny: give one of tiny-[0-9a-f]{12}, tiny-"):
        find_own_bundle(home, Path("tiny"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").symlink_to(tiny_bundle)
    assert find_own_bundle(home, Path("tiny")) == Path("tiny")


def test_new_words_for_the_same_weights_replace_the_old(tiny_bundle: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    use_bundle(home, tiny_bundle)
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle, copy)
    table = tomllib.loads((copy / "bundle.toml").read_text())
    (copy / "bundle.toml").write_text(tomli_w.dumps({**table, "licence": "CC-BY-4.0"}))
    use_bundle(home, copy)
    assert [encoder.licence for _, encoder, _ in list_bundles(home)] == ["CC-BY-4.0"]


def test_without_an_encoder_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoEncoder, match="echosearch encoder use"):
        bundle_in_use(tmp_path)
    (tmp_path / "encoder").write_text("gone-123\n")
    with pytest.raises(NoEncoder, match="gone-123"):
        bundle_in_use(tmp_path)
    assert list_bundles(tmp_path) == []


def test_the_setting_overrides(tmp_path: Path) -> None:
    assert bundle_in_use(tmp_path, tmp_path / "mine") == tmp_path / "mine"


def test_a_damaged_bundle_is_not_taken(tiny_bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle, copy)
    with (copy / "weights.safetensors").open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(BundleError, match="is not the file"):
        use_bundle(tmp_path / "home", copy)
    with pytest.raises(NoEncoder):
        bundle_in_use(tmp_path / "home")


@pytest.mark.parametrize("name", ["weights.safetensors", "golden.npz", "tokenizer/vocab.txt"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_copy_that_was_damaged_is_made_anew(tiny_bundle: Path, tmp_path: Path, name: str, gone: bool) -> None:
    source, home = Path(shutil.copytree(tiny_bundle, tmp_path / "source")), tmp_path / "home"
    use_bundle(home, source)
    damaged = bundle_in_use(home) / name
    damaged.unlink()
    if not gone:
        damaged.write_bytes((source / name).read_bytes()[:100])
    use_bundle(home, source)
    assert damaged.read_bytes() == (source / name).read_bytes()


def test_a_link_within_the_bundle_is_taken_as_the_file_itself(tiny_bundle: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(tiny_bundle, tmp_path / "source"))
    shutil.move(source / "weights.safetensors", source / "blob")
    (source / "weights.safetensors").symlink_to("blob")
    use_bundle(tmp_path / "home", source)
    taken = bundle_in_use(tmp_path / "home")
    assert not any(path.is_symlink() for path in taken.rglob("*"))
    assert (taken / "weights.safetensors").read_bytes() == (source / "blob").read_bytes()
    assert not (taken / "blob").exists()


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "golden.npz", "tokenizer/vocab.txt", "tokenizer", "bundle.toml"]
)
@pytest.mark.parametrize("absolute", [True, False])
def test_no_link_out_of_the_bundle_is_followed(tiny_bundle: Path, tmp_path: Path, name: str, absolute: bool) -> None:
    source = Path(shutil.copytree(tiny_bundle, tmp_path / "source"))
    outside = tmp_path / "outside"
    shutil.move(source / name, outside)
    to = outside if absolute else Path("../" * name.count("/") + "../outside")
    (source / name).symlink_to(to)
    assert (source / name).exists()
    with pytest.raises(BundleError, match="is a link that leads out of the bundle"):
        use_bundle(tmp_path / "home", source)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "golden.npz", "tokenizer/vocab.txt", "bundle.toml"])
@pytest.mark.parametrize("kind", ["dangling", "loop", "FIFO", "folder", "device"])
def test_what_is_no_file_is_refused_at_once(tiny_bundle: Path, tmp_path: Path, name: str, kind: str) -> None:
    source = Path(shutil.copytree(tiny_bundle, tmp_path / "source"))
    file = source / name
    file.unlink()
    match kind:
        case "dangling":
            file.symlink_to("nothing")
        case "loop":
            file.symlink_to(file.name)
        case "FIFO":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "device":
            file.symlink_to("/dev/zero")
    with pytest.raises(BundleError, match=r"lacks|is not a file|leads out") as caught:
        use_bundle(tmp_path / "home", source)
    assert name in str(caught.value)


def test_only_what_the_manifest_names_is_taken(tiny_bundle: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(tiny_bundle, tmp_path / "source"))
    (source / "patients.csv").write_text("x")
    (source / "tokenizer" / "more.txt").write_text("x")
    (source / "link").symlink_to("/etc")
    os.mkfifo(source / "fifo")
    use_bundle(tmp_path / "home", source)
    use_bundle(tmp_path / "home", source)
    used = bundle_in_use(tmp_path / "home")
    taken = {path.relative_to(used).as_posix() for path in used.rglob("*")}
    assert taken == {"bundle.toml", "golden.npz", "weights.safetensors", "tokenizer", "tokenizer/vocab.txt"}


def test_a_bundle_on_a_read_only_folder_is_taken(tiny_bundle: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(tiny_bundle, tmp_path / "source"))
    for folder in (source / "tokenizer", source):
        folder.chmod(0o555)
    encoder = use_bundle(tmp_path / "home", source)
    used = bundle_in_use(tmp_path / "home")
    assert identify(used) == encoder
    assert used.stat().st_mode & 0o200  # so that it can be removed
    for folder in (source, source / "tokenizer"):
        folder.chmod(0o755)


@pytest.mark.usefixtures("brief_rates")
def test_a_copy_of_an_earlier_version_opens_and_is_used_again(tiny_bundle: Path, tmp_path: Path) -> None:
    """It states no fingerprint and no hash of golden.npz, and has files beside that no manifest names."""
    home, source = tmp_path / "home", Path(shutil.copytree(tiny_bundle, tmp_path / "source"))
    table = tomllib.loads((source / "bundle.toml").read_text())
    del table["fingerprint"], table["other_files"]
    (source / "bundle.toml").write_text(tomli_w.dumps(table))
    with np.load(source / "golden.npz") as golden:
        kept = {name: golden[name] for name in golden.files if "cine" not in name and name not in ("taken", "scaled")}
    np.savez_compressed(source / "golden.npz", allow_pickle=False, **kept)
    encoder = identify(source)
    assert encoder == identify(tiny_bundle)
    own = home / "encoders" / encoder.folder
    shutil.copytree(source, own)
    (own / "training.toml").write_text("steps_done = 1")
    (home / "encoder").write_text(f"{own.name}\n")
    report = check_bundle(bundle_in_use(home), "cpu")
    rows = dict(report.rows())
    assert (report.fingerprint_stated, report.preprocessing_proven) == (False, False)
    assert rows["fingerprint"].startswith("unknown")
    assert rows["  of a raw cine"].startswith("unknown")
    assert use_bundle(home, find_own_bundle(home, Path("tiny"))) == encoder
    assert use_bundle(home, tiny_bundle) == encoder
    assert check_bundle(bundle_in_use(home), "cpu").fingerprint_stated


def test_a_bundle_that_states_its_fingerprint_hashes_its_golden_file(tiny_bundle: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(tiny_bundle, tmp_path / "source"))
    table = tomllib.loads((source / "bundle.toml").read_text())
    (source / "bundle.toml").write_text(tomli_w.dumps({**table, "other_files": {}}))
    with pytest.raises(BundleError, match=r"other_files must give the SHA-256 of golden\.npz"):
        use_bundle(tmp_path / "home", source)


@pytest.mark.parametrize("kind", ["phantom-tiny", "phantom-views"])
def test_use_says_what_is_unknown_of_an_earlier_versions_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("ECHOSEARCH_HOME", str(tmp_path / "home"))
    source = Path(shutil.copytree(shipped_bundles()[kind], tmp_path / "source"))
    said = CliRunner().invoke(choose, [str(source)])
    assert said.exit_code == 0
    assert "is unknown" not in said.output
    table = tomllib.loads((source / "bundle.toml").read_text())
    del table["fingerprint"], table["other_files"]
    (source / "bundle.toml").write_text(tomli_w.dumps(table))
    said = CliRunner().invoke(choose, [str(source)])
    assert said.exit_code == 0
    assert "whether this bundle was edited is unknown" in said.output


def test_another_golden_file_is_not_taken(tiny_bundle: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(tiny_bundle, tmp_path / "source"))
    with np.load(source / "golden.npz") as golden:
        arrays = dict(golden)
    np.savez(source / "golden.npz", allow_pickle=False, **{**arrays, "made_by": np.array("author")})
    with pytest.raises(BundleError, match=r"golden\.npz is not the file"):
        use_bundle(tmp_path / "home", source)
    with pytest.raises(BundleError, match=r"golden\.npz is not the file"):
        check_bundle(source, "cpu")


@pytest.mark.parametrize("size", [0, 100, -100])
def test_a_bundle_without_whole_golden_vectors_is_not_taken(tiny_bundle: Path, tmp_path: Path, size: int) -> None:
    source = Path(shutil.copytree(tiny_bundle, tmp_path / "source"))
    (source / "golden.npz").write_bytes((source / "golden.npz").read_bytes()[:size])
    with pytest.raises(BundleError, match=r"golden\.npz is no golden file"):
        use_bundle(tmp_path / "home", source)
    with pytest.raises(NoEncoder):
        bundle_in_use(tmp_path / "home")


@pytest.mark.parametrize("written", [b"", b"\n", b"\xff\xfe", b"gone\n"])
def test_a_damaged_choice_says_to_choose_again(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "encoders").mkdir()
    (tmp_path / "encoder").write_bytes(written)
    with pytest.raises(NoEncoder, match="choose one with `echosearch encoder use`"):
        bundle_in_use(tmp_path)
