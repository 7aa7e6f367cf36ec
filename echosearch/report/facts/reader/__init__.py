"""Reading one sentence: what it names, how severe, how sure, and which value."""
