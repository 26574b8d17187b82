"""Data sets: which videos there are, how they are read, which frames make a clip, and how clips are cropped.

    rng          random numbers keyed by (seed, epoch, video id, purpose)
    datasets     the data sets by name: class counts, upper bounds, what a flip does to a label; opens a data set
    something    reader of the Something-Something V2 annotations
    manifest     the videos of a split with frame counts and fingerprints; its hash
    index        what is known of each file, stored between runs; fingerprints
    leakage      videos that the training and the validation split share
    decoding     frames of a file, by decord or PyAV
    sampling     which frames make a clip
    transforms   crops and flips of uint8 clips
    clips        torch data sets of training clips and test views
    calibrated   the synthetic calibration sets: their classes and upper bounds; `synthetic` writes their videos

Other packages start from `datasets.info` (works without the videos), `datasets.open_dataset` and `clips`.
The package imports without torch and without any video, so that `suite plan` answers at once.
"""
