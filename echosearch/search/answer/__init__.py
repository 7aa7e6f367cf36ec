"""A question -> hits: what is asked of each arm, who may be a hit, in which order, and why."""
