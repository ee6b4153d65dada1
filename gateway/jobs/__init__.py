"""Work that outlives the request that asked for it: its durable record, and who does it."""
