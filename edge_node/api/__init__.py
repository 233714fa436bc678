"""The clinic's HTTP interface: FHIR R4 under `/fhir`, login, the node's own state, what changed.

`door.py` meets every request, `fhir.py` answers FHIR paths, `app.py` puts the rest together with Litestar. Errors are raised
where they are found and become answers in `outcome.py` alone.
"""
