"""FHIR Bulk Data: all that a region, a facility or a Group has, as NDJSON, made in the background at constant memory."""
