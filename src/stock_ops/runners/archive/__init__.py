"""The supervised part `backup`: the continuous archive, the heartbeat, the schedule, and what it tells."""
