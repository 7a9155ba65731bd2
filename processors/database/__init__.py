"""The CRM's tables: SQLAlchemy models, connections and migrations."""
