"""The platform in containers, driven by docker compose, podman compose or podman-compose."""
