"""What the commands share: options, access, tables, JSON, errors."""
