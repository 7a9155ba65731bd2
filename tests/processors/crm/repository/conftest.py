"""These tests share their database."""

import pytest

from processors.database.engine import Database


@pytest.fixture
def database(shared_database: Database) -> Database:
    return shared_database
