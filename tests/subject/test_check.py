import pytest

from audioplane.errors import MediaError, SubjectError
from audioplane.subject import SubjectPaths, check_subject, load_subject
from tests.subject.test_subject import write_folder


@pytest.fixture
def paths(tmp_path) -> SubjectPaths:
    return write_folder(tmp_path / "s")


def test_a_whole_subject_gives_no_warning(paths):
    report = check_subject(load_subject(paths.root))
    report.require_whole()
    assert (report.train, report.held_out, report.left_out) == (4, 1, 0)
    assert report.damaged == {} and report.missing == {}


def test_missing_files_are_counted_by_kind_and_named(paths):
    for i in (1, 4):
        paths.landmarks(i).unlink()
    paths.image(4).unlink()
    report = check_subject(load_subject(paths.root))
    report.require_whole()
    assert (report.train, report.held_out, report.left_out) == (2, 1, 2)
    assert report.missing == {
        "image": ("gt_imgs/4.jpg",),
        "landmarks": ("ori_imgs/1.lms", "ori_imgs/4.lms"),
    }
    said = " ".join(report.warnings())
    assert "2 of 5 frames are left out, they lack their landmarks: ori_imgs/1.lms" in said


def test_without_any_landmarks_the_refusal_says_so(paths):
    for file in (paths.root / "ori_imgs").glob("*.lms"):
        file.unlink()
    with pytest.raises(SubjectError, match=r"of 5 .* 5 lack their landmarks \(ori_imgs/0.lms"):
        load_subject(paths.root)


@pytest.mark.parametrize("folder", ["image", "parsing", "torso"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_images_cut_short_are_found_before_the_work(paths, folder, share):
    file = getattr(paths, folder)(7)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    report = check_subject(load_subject(paths.root))
    assert list(report.damaged) == [str(file.relative_to(paths.root))]
    with pytest.raises(SubjectError, match=rf"1 files .*{file.name} \((cut short|empty)\)"):
        report.require_whole()


def test_images_of_another_size_and_damaged_landmarks_are_found(paths):
    paths.image(0).write_bytes(paths.background.read_bytes()[:-2] + b"\xff\xd9")
    paths.landmarks(1).write_text("nan nan\n" * 68)
    paths.parsing(4).write_bytes(b"GIF89a")
    other = write_folder(paths.root.parent / "t", size=24)
    paths.image(7).write_bytes(other.image(7).read_bytes())
    assert check_subject(load_subject(paths.root)).damaged == {
        "ori_imgs/1.lms": "not 68 finite points",
        "parsing/4.png": "neither JPEG nor PNG",
        "gt_imgs/7.jpg": "24 x 24 pixels instead of 16 x 16",
    }


def test_an_interpolated_blink_is_reported(paths):
    paths.track.unlink()
    rows = [f"{i},{'nan' if i == 3 else 0.5}" for i in range(1, 11)]
    paths.action_units.write_text("frame,AU45_r\n" + "\n".join(rows) + "\n")
    report = check_subject(load_subject(paths.root))
    assert report.bridged == 1 and "1 rows of au.csv" in " ".join(report.warnings())


def test_a_damaged_headers_size_is_rejected(paths):
    torso = bytearray(paths.torso(1).read_bytes())
    torso[16:20] = b"\0\1\0\0"
    torso[20:24] = b"\0\1\0\0"
    paths.torso(1).write_bytes(torso)
    subject = load_subject(paths.root)
    with pytest.raises(MediaError, match="claims 65536 x 65536 pixels"):
        subject.plate(subject.train[1])
