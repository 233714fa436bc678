"""How often somebody may do something: GCRA, decided in Redis by one script, or in this process where there is none."""
