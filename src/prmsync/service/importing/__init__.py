"""CSV files into the partner database: `columns` says what goes where, `run` does it."""
