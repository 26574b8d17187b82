"""Data sets: what a video is, where it lies, which frames are taken and how they are cropped.

    rng          random numbers keyed by (seed, epoch, video id, purpose)
    datasets     the registry: names, class counts, ceilings, flip maps; opens a data set
    something    reader of the Something-Something V2 files
    manifest     the videos of a split, with frame counts and fingerprints; its hash
    index        what is known of each file, remembered from start to start; fingerprints
    leakage      videos that the training and the validation split share
    decoding     frames of a file, by decord or PyAV
    sampling     which frames make a clip
    transforms   crops and flips of uint8 clips
    clips        torch data sets of training clips and test views
    synthetic    calibrated sets whose ceilings are known; `drawing` renders their videos

Nothing heavy is imported here: `suite plan` works without torch and without the videos.
"""
