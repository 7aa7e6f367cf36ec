"""The words of the pages in both languages: labels, sentences, warnings, names of findings."""
