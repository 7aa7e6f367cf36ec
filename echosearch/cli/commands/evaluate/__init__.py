"""echosearch evaluate: scores of an encoder, what it survives, and public benchmarks."""
