"""The domain with breakers that open for a moment only."""

from dataclasses import replace

from processors import application as domain
from runtime.catalogue.catalogue import Catalogue

_CATALOGUE = domain.catalogue
application = replace(
    domain,
    catalogue=Catalogue(
        _CATALOGUE.queues.values(),
        _CATALOGUE.kinds.values(),
        [
            replace(provider, breaker=replace(provider.breaker, open_s=0.5, most_s=0.5))
            for provider in _CATALOGUE.providers.values()
            if provider.breaker
        ],
        dead_letter=_CATALOGUE.dead_letter,
    ),
)
