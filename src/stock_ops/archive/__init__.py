"""The continuous archive: the write-ahead log on its way to the storage."""
