"""Who may use the archive through `echosearch serve`, and the record of what was done."""
