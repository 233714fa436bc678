"""Forms of pregnancy, birth and the weeks after. What each writes is the profile in `edge_node/maternal/record.py`, and no more."""
