"""Where backups lie: storage, encryption, names, manifests."""
