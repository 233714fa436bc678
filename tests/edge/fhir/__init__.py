"""Tests of the pure FHIR R4 knowledge, against HL7's examples, Synthea and an independent FHIRPath library."""
