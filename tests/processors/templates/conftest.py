from tests.processors.shared_database import database, migrated

__all__ = ["database", "migrated"]
