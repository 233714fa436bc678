"""All forms that write into the record, other than maternal care, in the order in which the menu offers them."""

from edge_node.forms.care.allergy import ALLERGY, END_ALLERGY
from edge_node.forms.care.death import DEATH, UNDO_DEATH
from edge_node.forms.care.diagnosis import CHANGE_PROBLEM, CLOSE_PROBLEM, PROBLEM
from edge_node.forms.care.documents import DOCUMENT
from edge_node.forms.care.mistake import CORRECT, MISTAKE
from edge_node.forms.care.notes import NOTE_AGAIN, NOTE_SHEET
from edge_node.forms.care.planning import APPOINTMENT, CHANGE_APPOINTMENT, END_REMINDER, REMINDER
from edge_node.forms.care.prescription import PRESCRIPTION, STOP_MEDICINE
from edge_node.forms.care.referral import END_REFERRAL, REFERRAL
from edge_node.forms.care.results import RESULT
from edge_node.forms.care.vaccination import VACCINATION
from edge_node.forms.care.visit import END_VISIT, MEASUREMENTS, VISIT
from edge_node.forms.context import Sheet

CARE_SHEETS: tuple[Sheet, ...] = (
    *(VISIT, END_VISIT, MEASUREMENTS),
    *(PROBLEM, CHANGE_PROBLEM, CLOSE_PROBLEM),
    *(ALLERGY, END_ALLERGY),
    *(PRESCRIPTION, STOP_MEDICINE),
    *(RESULT, VACCINATION),
    *(REFERRAL, END_REFERRAL),
    *(APPOINTMENT, CHANGE_APPOINTMENT, REMINDER, END_REMINDER),
    *(NOTE_SHEET, NOTE_AGAIN, DOCUMENT),
    *(DEATH, UNDO_DEATH),
    *(MISTAKE, CORRECT),
)
