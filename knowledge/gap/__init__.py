"""What the assistant could not answer well: sentences in groups for the editors, and sampled answers judged by people."""
