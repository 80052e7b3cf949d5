"""`stepladder batch-scaling`: what larger batches save, from the trials of a study."""
