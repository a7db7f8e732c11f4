"""A person on disk: the subject folder, its typed loader and its checks."""

from audioplane.subject.body import load_body, reference_row, save_body
from audioplane.subject.check import SubjectReport, check_subject
from audioplane.subject.info import SubjectInfo
from audioplane.subject.labels import Label, head_mask, paint_labels, read_labels, torso_mask
from audioplane.subject.layout import FORMAT_VERSION, SubjectPaths
from audioplane.subject.pose_table import PoseTable, read_pose_table
from audioplane.subject.subject import Subject, SubjectFrame, load_subject
from audioplane.subject.track import Track
from audioplane.subject.transforms import FrameRef, Split, read_split, write_split

__all__ = [
    "FORMAT_VERSION",
    "FrameRef",
    "Label",
    "PoseTable",
    "Split",
    "Subject",
    "SubjectFrame",
    "SubjectInfo",
    "SubjectPaths",
    "SubjectReport",
    "Track",
    "check_subject",
    "head_mask",
    "load_body",
    "load_subject",
    "paint_labels",
    "read_labels",
    "read_pose_table",
    "read_split",
    "reference_row",
    "save_body",
    "torso_mask",
    "write_split",
]
