"""The platform on this machine: up, down, status, logs, doctor."""
