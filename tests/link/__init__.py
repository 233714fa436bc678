"""The exchange over a link as a remote clinic has it."""
