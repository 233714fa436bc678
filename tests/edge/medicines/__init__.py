"""Tests of the medicines and of what speaks against them."""
