"""All findings of a woman at once: what to refer, to manage, to know."""

from collections.abc import Iterator

from edge_node.maternal.anaemia import anaemias
from edge_node.maternal.course import course
from edge_node.maternal.danger import dangers
from edge_node.maternal.dating import disagreements, open_periods, redatings
from edge_node.maternal.facts import Mother, Pregnancy, is_over
from edge_node.maternal.findings import Finding, finding, most_urgent_first
from edge_node.maternal.pressure import pressures
from edge_node.maternal.prevention import prevention_findings
from edge_node.maternal.screening import result_findings
from edge_node.maternal.tetanus import tetanus_findings
from edge_node.programme import Programme


def findings(mother: Mother, pregnancy: Pregnancy, programme: Programme) -> tuple[Finding, ...]:
    """What the record says now of one pregnancy, most urgent first. Nothing of a woman who died.

    Each rule looks at what was found last, however long ago: a danger sign or a high pressure stands until somebody has looked
    again. Weeks after the birth the danger signs and the pressure are still looked at.
    """
    if mother.dead:
        return ()
    found = [*dangers(pregnancy), *pressures(pregnancy)]
    at = course(pregnancy)
    if not is_over(pregnancy):
        found += [
            *anaemias(mother, pregnancy, programme),
            *result_findings(mother, pregnancy),
            *tetanus_findings(mother),
            *dating_findings(pregnancy),
        ]
        if at is not None:
            found += prevention_findings(mother, at, programme)
    return most_urgent_first(found)


def dating_findings(pregnancy: Pregnancy) -> Iterator[Finding]:
    """A conflict between last periods, a scan that contradicts the dating, and each change of the expected date."""
    periods = open_periods(pregnancy)
    if periods:
        first, last = periods[0], periods[-1]
        if first.lmp is not None and last.lmp is not None:
            yield finding(
                "two-last-periods", "manage", last.on, [each.ref for each in periods], first=first.lmp, other=last.lmp
            )
    for each in disagreements(pregnancy):
        used, other = each.used.expected, each.evidence.expected
        refs = [each.used.ref, each.evidence.ref]
        yield finding("dating-disagrees", "manage", each.evidence.on, refs, used=used, other=other, days=each.days)
    for moved in redatings(pregnancy):
        yield finding("redated", "inform", moved.on, [moved.ref], before=moved.before, after=moved.after)
