"""The words and rules of the parser, as TOML that a cardiologist can read, and their reader."""
