"""Manifests: CSV and JSON lines."""

import pytest

from audioplane.errors import FleetError, StoreError
from audioplane.fleet import manifest
from audioplane.fleet.manifest import Entry, parse_manifest, read_manifest, shard_of
from audioplane.prepare import options
from audioplane.train import config


def test_a_csv_has_defaults_where_cells_are_empty_and_paths_from_its_folder(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "\ufeffvideo,name,consent,size,focal,preset,seed\n"
        'a.mp4,ann,"Ann, in writing",256,812.5,demo,3\n'
        "s3://bucket/x/bob.v2.mov,,,,,,\n"
        ",,,,,,\n"
        "/videos/c.mp4, ,, ,,,\n"
    )
    ann, bob, c = read_manifest(str(path))
    assert ann == Entry(
        f"{tmp_path}/a.mp4", "ann", "Ann, in writing", 256, focal=812.5, preset="demo", seed=3
    )
    assert bob == Entry("s3://bucket/x/bob.v2.mov", "bob.v2")
    assert c == Entry("/videos/c.mp4", "c")


def test_json_lines_say_the_same():
    text = (
        '{"video": "a.mp4", "size": 256, "sound_late": -40, "consent": "A.\u2028Ann"}\n\n'
        '{"video": "b.mp4", "name": "", "focal": null}'
    )
    a, b = parse_manifest(text, "lists/x.jsonl")
    assert a == Entry("lists/a.mp4", "a", "A.\u2028Ann", size=256, sound_late=-40.0)
    assert b == Entry("lists/b.mp4", "b")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", "", "no column 'video'"),
        ("x.csv", "video\n", "names no video"),
        ("x.csv", "video,colour\na.mp4,red\n", "line 2: unknown column 'colour'"),
        ("x.csv", "video,size\na.mp4,big\n", "line 2: size is 'big'"),
        ("x.csv", "video,size\na.mp4,1,2\n", "line 2: too many cells"),
        ("x.csv", "video,preset\na.mp4,best\n", "choose one of demo, laptop, paper"),
        ("x.csv", "video,expression\na.mp4,smile\n", "choose one of blink, upper-face"),
        ("x.csv", "video,size\na.mp4,255\n", "size is 255: choose an even number of 64 to 2048"),
        ("x.csv", "video,focal\na.mp4,nan\n", "focal is nan: choose one above 0"),
        ("x.csv", "video,sound_late\na.mp4,99999\n", "sound_late is 99999.0: choose"),
        ("x.csv", "video,audio_track\na.mp4,0\n", "audio_track is 0: choose 1 or more"),
        ("x.csv", "video,iterations\na.mp4,0\n", "iterations is 0: choose 1 or more"),
        ("x.csv", f"video,seed\na.mp4,{1 << 43}\n", "choose one of -4398046511104 to"),
        ("x.csv", "video\na.mp4\nb/a.mp4\n", "line 3: 'a' is the name in line 2"),
        ("x.csv", "video,name\na.mp4,../a\n", "not made of letters"),
        ("x.csv", "video,name\n,a\n", "line 2: no video"),
        ("x.csv", 'video,consent\na.mp4,"Ann\n' + "b.mp4,Bob\n" * 20_000, "no CSV"),
        ("x.csv", 'video,consent\na.mp4,"Ann\nb.mp4,Bob\n', "line 2: no CSV"),
        ("x.csv", "video,size,size\na.mp4,256,512\n", "line 1: two columns 'size'"),
        ("x.jsonl", "[1]", "line 1: not an object"),
        ("x.jsonl", "{", "line 1: no JSON"),
        ("x.jsonl", '{"video": "a", "seed": 1.5}', "expected a whole number"),
        ("x.jsonl", '{"video": "a", "size": true}', "expected a whole number"),
        ("x.jsonl", '{"video": "a", "size": [1]}', "expected a number"),
        ("x.jsonl", '{"video": "a", "size": Infinity}', "expected a number"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_line(name, text, said):
    with pytest.raises(FleetError) as e:
        parse_manifest(text, name)
    assert said in str(e.value)


def test_ranges_are_those_of_the_steps():
    assert (manifest.SIZES[0], manifest.SIZES[-1]) == (options.SMALLEST, options.LARGEST)
    assert manifest.MOST_LATE == 1000 * options._LATEST
    assert manifest.MOST_SEED == config.MOST_SEED


def test_a_manifest_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="none.csv is not there"):
        read_manifest(str(tmp_path / "none.csv"))


def test_a_manifest_that_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes("video,consent\na.mp4,Zoë\n".encode("cp1252"))
    with pytest.raises(FleetError, match="not UTF-8: save it"):
        read_manifest(str(path))


def test_shards_share_the_entries_out():
    entries = [Entry(f"{i}.mp4", str(i)) for i in range(7)]
    shards = [shard_of(entries, (i, 3)) for i in range(3)]
    assert sorted((e for s in shards for e in s), key=lambda e: e.name) == entries
    assert [len(s) for s in shards] == [3, 2, 2]
    for wrong in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(FleetError, match="shard"):
            shard_of(entries, wrong)
