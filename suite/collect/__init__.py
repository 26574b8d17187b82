"""From what a person typed to results, and from results to what tables need: outcomes, intervals, pairs, ranks."""
