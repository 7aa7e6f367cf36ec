"""What pages show that is made between requests: counts, and how they are kept fresh."""
