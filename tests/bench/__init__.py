"""Measurements of the whole system, each beside a floor: the least that any program could do for the same promise."""
