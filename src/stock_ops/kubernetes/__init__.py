"""The platform on a Kubernetes cluster: deployed from an environment file, watched, undone when it fails."""
