"""Measurements in a sentence: names and their numbers, whose a gradient is, other days, what was not measured."""
