"""All maternal forms, in the order in which a pregnancy meets them."""

from edge_node.forms.context import Sheet
from edge_node.forms.maternal.birth import BIRTH
from edge_node.forms.maternal.closing import CLOSE
from edge_node.forms.maternal.contact import CONTACT
from edge_node.forms.maternal.enrolment import ENROL
from edge_node.forms.maternal.loss import LOSS
from edge_node.forms.maternal.postnatal import POSTNATAL
from edge_node.forms.maternal.redating import REDATE

MATERNAL_SHEETS: tuple[Sheet, ...] = (ENROL, CONTACT, REDATE, BIRTH, LOSS, POSTNATAL, CLOSE)
