"""Probes: readings of findings and values off stored study vectors, fitted to labels and kept in the archive."""
