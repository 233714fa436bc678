"""Common problems of a primary-care clinic, by the words that people there use, with codes."""
