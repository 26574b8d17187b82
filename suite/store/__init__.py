"""Results on disk: run ids, run folders and their states, stored tests, provenance, archives.

Other packages use:

    store.identity.RunSpec              everything that training depends on, and the id that follows from it
    store.folder.RunFolder              the files of a run; `write_atomic` writes a file completely or not at all
    store.evaluations.result_of         the result of a finished run under given test settings
    store.provenance.environment        versions, commit and device of this process
"""
