"""Immunisation: what a person was given, what of it counts, what is due next. Pure functions of facts and of a
schedule, which is data."""
