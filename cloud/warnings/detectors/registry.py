"""Which module stands behind each word that a rule's `detector` may be."""

from __future__ import annotations

from collections.abc import Sequence

from cloud.warnings.detectors.base import Detector, MakeDetector
from cloud.warnings.detectors.rain_window import RainWindow
from cloud.warnings.detectors.rate_of_rise import RateOfRise
from cloud.warnings.detectors.threshold import Threshold
from contract.catalogue.catalogue import Catalogue

# The words are those of `contract.catalogue.detectors`, where each has its settings.
MAKERS: dict[str, MakeDetector] = {
    "threshold": Threshold,
    "rate_of_rise": RateOfRise,
    "rain_window": RainWindow,
}


def make_detectors(catalogue: Catalogue) -> Sequence[tuple[str, Detector]]:
    """A detector for each word that the catalogue's rules use, with its word, in the order of `MAKERS`."""
    used = {watch.rule.detector for watch in catalogue.watches}
    return [
        (word, make([w for w in catalogue.watches if w.rule.detector == word], catalogue))
        for word, make in MAKERS.items()
        if word in used
    ]
