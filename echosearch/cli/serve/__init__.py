"""echosearch serve, and the archive of its demo."""
