"""What changes between a patient's studies: the videos' own change of a finding, ranked pairs, and timelines."""
