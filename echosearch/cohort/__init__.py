"""Cohorts: saved definitions, their attrition, frozen snapshots, controls and reviews."""
