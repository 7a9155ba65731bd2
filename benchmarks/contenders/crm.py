"""The CRM without its queues' rates: what is measured is the engine, not a provider's limit."""

from dataclasses import replace

from processors import application as crm
from processors.catalogue import CATALOGUE
from runtime.catalogue.catalogue import Catalogue

application = replace(
    crm,
    catalogue=Catalogue(
        tuple(replace(queue, rate=None) for queue in CATALOGUE.queues.values()),
        tuple(CATALOGUE.kinds.values()),
        tuple(CATALOGUE.providers.values()),
        dead_letter=CATALOGUE.dead_letter,
    ),
    recurring=(),
)
