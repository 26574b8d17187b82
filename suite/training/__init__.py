"""Training one run: learning-rate schedule, training loop, and the way from a spec to a result file.

Other packages import only `training.run.execute`.
"""
