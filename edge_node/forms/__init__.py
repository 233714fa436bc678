"""Forms as data: what is asked, what may be answered, and what the answers become.

A form module (see `registration.py`) holds three things:

1. a `Form`, or a function that makes one for a `Context` (who it is about, today): sections of fields, each with its label, unit, choices,
   the range that is possible (else an error beside the field) and the one that is plausible (else "Is 210 kg right?");
2. `write(answers, context) -> list[Write]`: the FHIR resources that say it;
3. a `Sheet`, which ties both to an address and stands in the table of `edge_node/pages/sheets.py`. All else is done there, once for all
   forms: drawing, parsing, asking back, one transaction, exactly once, and telling that a colleague changed the same meanwhile.

Pure: no store, no pages, no clock.
"""
