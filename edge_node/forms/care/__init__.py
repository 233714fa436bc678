"""Forms that write into the record, other than maternal care: visits, measurements, problems, allergies, medicines, results, vaccines,
referrals, appointments, notes, documents, and what corrects them. Each form is a module with a `Sheet`; `sheets.py` lists them."""
