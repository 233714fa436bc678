"""FHIR R4 as pure functions: validation, search parameters, queries and the patient compartment.

Nothing here does input or output, except reading the published definitions that are shipped beside it.
"""
