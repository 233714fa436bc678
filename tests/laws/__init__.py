"""Layer 1 of the proof: the laws of `sync_protocol`, searched for counterexamples by Hypothesis."""
