"""Commands on what videos and reports say together."""
