"""Severity: which finding a grade is said of, ranges, and grades of an earlier state."""
