"""Synthetic echo studies in which pictures, reports and measurements agree: an archive that anyone can have.

anatomy + findings -> geometry over the heartbeat, per view -> ultrasound -> frames -> DICOM, reports, truth
"""
