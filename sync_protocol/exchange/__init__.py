"""The exchange between an edge and a hub: messages, and each side's decisions as pure functions."""
