"""The two arms of a question: what reports and measurements state, and how well videos fit it."""
