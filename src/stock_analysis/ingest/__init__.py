"""Import of prices: readers, providers, quality gate, quarantine."""
