"""Claims: which process works on a folder, for drivers and workers on several machines that share a disk.

process     the identity of a process (machine, pid, start time) and whether it still runs
claim       claim.json: read, taken and taken over in one step, released
silence     whether the holder of a claim is gone
held        a claim that this process holds: its heartbeat, its progress, requests to stop
"""
