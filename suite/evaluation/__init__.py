"""Testing networks: views and their fusion, stored predictions, accuracy on shuffled clips, repeated tests of a run.

Other packages use:

    evaluation.inference.predict            logits per view and per video
    evaluation.predictions.read_predictions predictions of any codebase; `Outcome`: which videos are correct
    evaluation.retest.test_again            a finished run with other test settings
    evaluation.control.Control              how a run is watched and stopped from outside
"""
