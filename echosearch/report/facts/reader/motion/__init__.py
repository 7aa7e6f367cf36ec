"""Statements on wall motion: which walls of the left ventricle they are about."""
