"""The clinic's node: an encrypted store, a FHIR server and pages that work without a network."""
