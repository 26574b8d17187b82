"""Whether two results differ in more than the factor under study.

Other packages use:

    fairness.factors.FACTORS        everything that a result depends on; `judge` gives the verdict on two results
    fairness.grades                 which factors confound a comparison, and which differences are minor
    fairness.ledger.mark            which cells of a table are confounded
    fairness.sides.compare_sides    two results, or several seeds of each: factors, verdict, difference, interval
"""
