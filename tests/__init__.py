"""The proof: laws, parts, the simulated world and real processes that are killed."""
