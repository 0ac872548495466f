"""The relay: what the outbox holds goes to the event log, and is seen to arrive."""
