"""What a query names and does not ask for."""
