"""What videos and reports of an archive say together: interpretations, disagreements, and audits of the vectors."""
