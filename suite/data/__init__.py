"""Data sets: which videos there are, how they are read, which frames make a clip, and how clips are cropped.

    rng          random numbers keyed by (seed, epoch, video id, purpose)
    dataset_info what is known of a data set without its videos, from one YAML file each (`sets/`)
    datasets     opens a data set: its classes and splits
    formats      readers of annotation formats
    flips        what a horizontal flip does to a label
    difference   the report of `suite data diff`
    adding       `suite data add`
    check        the report of `suite data check`
    availability whether a data set can be used on this machine
    manifest_building  from the items of annotations to a manifest
    manifest     the videos of a split with frame counts and fingerprints; its hash
    subsets      parts of a data set, chosen by rule
    index        what is known of each file, stored between runs; fingerprints
    leakage      videos that the training and the validation split share
    decoding     frames of a video: by decord or PyAV, by torchvision where they are pictures
    frame_folders  videos as folders of pictures
    sampling     which frames make a clip
    probing      what a video file or folder of pictures is, without decoding it
    transforms   crops and flips of uint8 clips
    clips        torch data sets of training clips and test views
    synthetic    the synthetic calibration sets: what they contain, how their videos are drawn and encoded

Other packages start from `dataset_info.info` (works without the videos), `datasets.open_dataset` and `clips`.
The package imports without torch and without any video, so that `suite plan` answers at once.
"""
