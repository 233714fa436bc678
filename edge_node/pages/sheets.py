"""All forms that there are, each at its address. A new form: a module of its own with a `Sheet`, and a line here."""

from edge_node.forms import registration
from edge_node.forms.care.sheets import CARE_SHEETS
from edge_node.forms.context import Sheet
from edge_node.forms.maternal.sheets import MATERNAL_SHEETS

SHEETS: tuple[Sheet, ...] = (
    registration.REGISTER,
    registration.EDIT,
    *MATERNAL_SHEETS,
    *CARE_SHEETS,
)
