"""echosearch cohort: its commands, one module each."""
