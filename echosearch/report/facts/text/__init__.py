"""From a report's characters to uniform text, sentences, tokens and numbers, with places in the original."""
