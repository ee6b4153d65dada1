"""The demonstration warehouses: flights from New York in 2013, and TPC-H."""
