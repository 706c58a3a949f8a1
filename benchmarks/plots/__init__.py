"""What is drawn from results.jsonl, in the Python of scripts/setup-python plots."""
