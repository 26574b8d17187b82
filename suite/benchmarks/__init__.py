"""Speed, memory and error rates of the suite itself, one file per question."""
