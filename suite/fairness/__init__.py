"""What a result depends on, and whether two results differ in more than what is studied: factors, grades, verdicts."""
