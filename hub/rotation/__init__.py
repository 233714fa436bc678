"""Exchanging keys for others: the master key at once, data keys in the background. Nobody who uses the hub notices."""
