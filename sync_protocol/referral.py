"""Codes by which hub and clinics speak of facilities, referrals and who went where. The resources themselves are FHIR R4."""

from typing import Final

SNOMED: Final = "http://snomed.info/sct"
PATIENT_REFERRAL: Final = "3457005"
"""SNOMED CT: Patient referral (procedure). The category of a ServiceRequest that admits its patient elsewhere: an active order whose one
performer is `Organization/<facility>`."""
FACILITY_SYSTEM: Final = "urn:medtech-edge:facility"
"""System of the identifier by which an Organization is a facility of the hub; the value is the facility's id, and the Organization's."""
NOTICE_SYSTEM: Final = "urn:medtech-edge:notice"
"""System of the codes of the hub's notices, Communications (`hub/notices.py` has the table): categories `moved` and `referral-left`, and
reasons."""
