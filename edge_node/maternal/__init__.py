"""The care of a pregnancy, a birth and the weeks after it: what is known (`facts`), what follows from it (the rules), what is due.

Everything here is a pure function of facts and of dates that are passed in. Only `record` (with `reading`, `assigning` and
`concepts`), `ending` and `indicators` know FHIR.
"""
