"""What is read from Valkey for a storage, and put back from it."""
