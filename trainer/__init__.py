"""Train an encoder bundle from pairs of videos and reports, and evaluate it as the papers do.

pairs.py (sources/) -> split.py -> cache.py -> batches.py -> model.py + loss.py -> loop.py -> export.py
                                                             evaluation.py <- retrieval.py, zero_shot.py, leakage.py
"""
