"""From pairs of videos and reports to an encoder bundle, and the evaluation that the papers report.

pairs.py (sources/) -> split.py -> cache.py -> batches.py -> model.py + loss.py -> loop.py -> export.py
                                                             evaluation.py <- retrieval.py, zero_shot.py, leakage.py
"""
