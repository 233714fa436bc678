"""Tests of documents in parts."""
