"""The names of the annotation formats, as the YAML of a data set gives them."""

# lists that hold numbers of classes only: the data set's class_list names them
LISTS = ("mmaction2", "pyslowfast", "pyslowfast_frames", "tsm", "deep_analysis")
FORMATS = (
    "something",
    "something_csv",
    "kinetics",
    "moments",
    "ucf101",
    "hmdb51",
    "diving48",
    *LISTS,
    "table",
    "class_folders",
)
