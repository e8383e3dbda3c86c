"""The two-level catalogue of matters and the unit that normally handles each. Data, seeded from taxonomy.json."""
