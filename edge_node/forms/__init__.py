"""Forms as data: what is asked, what may be answered, and what the answers become.

A form module (see `registration.py`) holds three things:

1. a `Form`, or a function that makes one for a `Context` (who it is about, today): sections of fields, each with its label, unit, choices,
   the range that is possible (else an error beside the field) and the one that is plausible (else "Is 210 kg right?");
2. `write(answers, context) -> list[Write]`: the FHIR resources that say it;
3. a `Sheet`, which ties both to an address and stands in the table of `edge_node/pages/sheets.py`. All else is done there, once for all
   forms: drawing, parsing, asking back, one transaction, exactly once, and telling that a colleague changed the same meanwhile.

A whole form:

    FORM = Form(
        title=N_("Vital signs"),
        sections=(
            Section(
                title=N_("Measured today"),
                fields=(
                    Field(name="weight", label=N_("Weight"), kind=Kind.DECIMAL, unit="kg",
                          possible=between("0.3", "350"), plausible=between("30", "150")),
                    Field(name="signs", label=C_("Danger signs"), kind=Kind.CHOICES, choices=SIGNS, required=True),
                    Field(name="since", label=N_("Since when?"), kind=Kind.DATE, partial=True, when=when("signs", "fever")),
                ),
            ),
        ),
    )

    def write(answers: Answers, context: Context) -> list[Write]:
        weight = answers.number("weight")  # Decimal with the digits that were typed, or None
        …
        return [create("Observation", context.new_id(), {"status": "final", "subject": context.subject, …})]

    VITALS = Sheet(name="vitals", path="/patients/{id_}/vitals", form=lambda context: FORM, write=write,
                   news=lambda answers, context: _("The vital signs are saved."))

A form that changes a record names it in `edits`, and writes `changed(held, member=…)`.

Pure: no store, no pages, no clock.
"""
