"""Cine previews: masked, small, with exact times; made by the decode workers when first asked for, kept under HOME."""
