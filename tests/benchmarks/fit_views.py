"""How much each view tells of each finding, for echosearch/search/arms/view_weights.toml. Not a test.

    python tests/benchmarks/bench_search.py --seed 777 --patients 88 --folder KEPT
    python tests/benchmarks/fit_views.py KEPT

The weight of a view and mode: the AUC of its videos alone above a half, doubled and squared. A weight of 0.2 or less,
which a view gets by chance, is left out.
Present is grade 2 and more against 0, as bench_search.py judges; of an EF below 50 %.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from echosearch.archive import open_archive
from echosearch.db import lookup
from echosearch.db.vectors.generation import encoder_row
from echosearch.report.facts import FindingCondition, ValueCondition, load_lexicon
from echosearch.search.arms.video_arm import ask_videos
from echosearch.search.arms.view_weights import view_name
from echosearch.settings import Settings

LEAST = 0.2
# concept -> its column of truth.csv. Wall motion is left out: which view tells of it depends on the territory.
COLUMNS = {
    **{name: name for name in ("mr", "ar", "tr", "as", "ms", "lv_dilation", "lv_hypertrophy", "la_dilation")},
    **{name: name for name in ("ra_dilation", "rv_dilation", "pericardial_effusion", "prosthetic_valve")},
    "device_lead": "pacemaker",
    "lv_dyssynchrony": "dyssynchrony",
    "lvef": "ef",
}


def auc(positive: list[float], negative: list[float]) -> float:
    if not positive or not negative:
        return 0.5
    gaps = np.subtract.outer(positive, negative)
    return float(((gaps > 0).sum() + (gaps == 0).sum() / 2) / gaps.size)


def is_present(concept: str, value: str) -> bool | None:
    if concept == "lvef":
        return float(value) < 50
    return None if int(value) == 1 else int(value) >= 2


def main(kept: Path) -> None:
    with (kept / "ph/truth.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    with open_archive(Settings(home=kept / "home")) as archive, archive.engine.connect() as connection:
        encoder = encoder_row(connection, archive.encoder_info.fingerprint) or 0
        truth = {archive.keyring.study(row["study_uid"]): row for row in rows}
        means = np.stack([*lookup.studies_with_vectors(connection, encoder, [*truth])[1].values()])
        videos = lookup.videos_of(connection, encoder, [*truth])
        print(f'["{archive.encoder_info.fingerprint}"]  # {archive.encoder_info}')
        for concept, column in COLUMNS.items():
            value = concept == "lvef"
            wanted = (
                ValueCondition(concept, "<", 50, None, "%") if value else FindingCondition(concept, "present", None)
            )
            asked = ask_videos(archive.encoder, dict(load_lexicon().labels), [wanted]).standardised(means)
            by_view: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
            for study, row in truth.items():
                present = is_present(concept, row[column])
                if present is None or study not in videos:
                    continue
                scores = asked.scores(np.stack([video.vector for video in videos[study]]))[:, 0]
                of_view: dict[str, list[float]] = defaultdict(list)
                for video, score in zip(videos[study], scores, strict=True):
                    of_view[view_name(video.about.view, video.about.mode)].append(float(score))
                for view, found in of_view.items():
                    by_view[view][not present].append(float(np.mean(found)))
            weights = {view: (2 * max(auc(*of) - 0.5, 0)) ** 2 for view, of in sorted(by_view.items())}
            kept_weights = ", ".join(f'"{view}" = {w:.2f}' for view, w in weights.items() if w > LEAST)
            print(f"{concept} = {{ {kept_weights} }}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
