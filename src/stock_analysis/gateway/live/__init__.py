"""Live bars to clients: WS /ws and GET /api/v1/stream."""
