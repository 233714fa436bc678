"""Real processes: what survives when they are killed, and how tests start and drive them."""
