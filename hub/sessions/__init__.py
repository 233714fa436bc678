"""Who is logged in at the hub: tokens, sessions, passwords, one-time codes, and what each role may do."""
