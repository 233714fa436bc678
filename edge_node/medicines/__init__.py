"""Medicines of a primary-care clinic, and why one should not be given to somebody. Pure; `record.py` alone reads FHIR."""
