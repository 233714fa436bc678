"""Whether two descriptions are of one person: names as they sound, a score with its reasons, patient numbers. All of it is pure."""
