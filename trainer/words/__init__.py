"""Teach a finished encoder's text tower many ways to say what it knows: videos locked, texts trained (LiT).

facts.py (what a statement says; where the encoder puts it) -> statements.py + forms.toml (ways to say it) -> fit.py
"""
