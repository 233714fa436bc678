"""Growth: of children by WHO's standards, of a pregnancy by fundal height and the mother's weight. Pure functions of
measurements."""
