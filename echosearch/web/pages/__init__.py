"""The pages: HTML that a browser shows, over the same functions as the API."""
