"""Videos decode as what a browser plays, however the run that wrote them ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest

from embodied.errors import EnvironmentFault
from embodied.video import VideoWriter

SIZE = (64, 48)


def picture(level: int) -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), (level, 255 - level, 40), np.uint8)


def decode(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_file_is_h264_yuv420p_indexed_in_front(tmp_path: Path) -> None:
    path = tmp_path / "rollout.mp4"
    with closing(VideoWriter(path, 25, SIZE)) as video:
        for i in range(60):
            video.write(picture(4 * i))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.codec_context.width, stream.codec_context.height) == SIZE
        assert stream.average_rate == 25
        assert float(stream.duration * stream.time_base) == pytest.approx(60 / 25)
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat"), "a browser can start before the end"
    frames = decode(path)
    assert len(frames) == video.frames == 60
    assert os.listdir(tmp_path) == ["rollout.mp4"], "no part file is left"
    for i in (0, 30, 59):
        assert np.abs(frames[i].mean((0, 1)) - picture(4 * i)[0, 0]).max() < 8, "colours survive"


def test_an_error_in_mid_run_leaves_a_finished_file(tmp_path: Path) -> None:
    path = tmp_path / "rollout.mp4"
    with pytest.raises(KeyboardInterrupt), closing(VideoWriter(path, 25, SIZE)) as video:  # noqa: PT012
        for i in range(7):
            video.write(picture(i))
        raise KeyboardInterrupt
    assert len(decode(path)) == 7
    video.close()


def test_more_frames_than_the_queue_holds_all_arrive(tmp_path: Path) -> None:
    with closing(VideoWriter(tmp_path / "v.mp4", 12.5, SIZE, queue_frames=2)) as video:
        for i in range(50):
            video.write(picture(5 * i))
    assert len(decode(tmp_path / "v.mp4")) == 50


def test_no_frame_no_file(tmp_path: Path) -> None:
    VideoWriter(tmp_path / "v.mp4", 25, SIZE).close()
    assert os.listdir(tmp_path) == []


def test_wrong_frames_and_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"):
        VideoWriter(tmp_path / "v.mp4", 25, (63, 48))
    with closing(VideoWriter(tmp_path / "v.mp4", 25, SIZE)) as video:
        with pytest.raises(ValueError, match="expected"):
            video.write(np.zeros((*SIZE, 3), np.uint8))
        with pytest.raises(ValueError, match="float"):
            video.write(picture(0) / 255)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="nowhere"):
        VideoWriter(tmp_path / "nowhere" / "v.mp4", 25, SIZE)


WRITE_NOISE = """
import resource, signal, sys, time
import numpy as np
from embodied.errors import EnvironmentFault
from embodied.video import VideoWriter
path, limit = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rng = np.random.default_rng(0)
video = VideoWriter(path, 25, (64, 48), queue_frames=2)
try:
    for i in range(100):
        video.write(rng.integers(0, 255, (48, 64, 3), np.uint8))
    if not limit:
        print("written", flush=True)
        time.sleep(60)
    video.close()
except EnvironmentFault as error:
    sys.exit(f"fault: {error}")
"""


def test_a_killed_process_leaves_a_playable_part(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_NOISE, str(tmp_path / "v.mp4"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    assert len(decode(tmp_path / "v.part.mp4")) >= 50


def test_a_full_disk_is_one_sentence_and_a_playable_part(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_NOISE, str(tmp_path / "v.mp4"), "60000"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "fault: Cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    with av.open(str(tmp_path / "v.part.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == SIZE
