"""Patients who have opted out: who they are by pseudonym, and how what the archive has of them is erased."""
