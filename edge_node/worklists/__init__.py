"""Work lists and a month's counts, made of what all packages of knowledge say of one record: pure."""
