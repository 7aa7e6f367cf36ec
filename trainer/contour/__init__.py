"""Train and score a contour head (echosearch/contour): on phantoms, whose outlines are known, or on public data."""
