"""Exports: what is in them, that they end, and who gets them."""
