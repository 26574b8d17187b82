"""Run folders, their states, and where a result came from."""
