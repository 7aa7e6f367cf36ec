"""Cues: what they mean where they stand, which findings they speak of, and what they say of them."""
