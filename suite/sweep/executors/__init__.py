"""Where the runs of a sweep are placed; which run is next is decided by `suite.sweep.scheduler`.

base.Executor           the five methods of an executor, the job that it is given, and the causes of an end
local.LocalExecutor     one process per run on this machine
slurm.SlurmExecutor     one job of a Slurm cluster per run, through submitit
ray.RayExecutor         one task of a Ray cluster per run
choose.executor_of      which of them
machine.Machine         what of a machine each run may use
"""
