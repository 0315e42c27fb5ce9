"""H.264 video that a browser plays and seeks, and that survives however the run ends.

Frames are encoded in a background thread into a fragmented file beside the target, which plays up
to its last second even after `kill -9`. `close` turns it into an ordinary MP4 with its index in
front, without encoding again.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from embodied.errors import EnvironmentFault
from embodied.outputs import write_fault

# BT.601, limited range: what players assume of pictures this small, and said in the stream.
_BT601 = {"colorspace": 6, "color_primaries": 6, "color_trc": 6, "color_range": 1}


class VideoWriter:
    """Writes frames to an MP4 file (H.264, yuv420p, constant frame rate).

    Attributes:
        path: the finished file; it appears when the writer is closed.
        part: the playable part file that grows until then.
        frames: how many frames `write` has taken.
    """

    def __init__(
        self, path: str | Path, fps: float, size: tuple[int, int], *, queue_frames: int = 32
    ) -> None:
        """Open the file for frames of `size` = (width, height), both even.

        Raises:
            EnvironmentFault: the file cannot be written, or PyAV has no H.264 encoder.
        """
        if size[0] % 2 or size[1] % 2:
            raise ValueError(f"H.264 in yuv420p needs an even width and height, not {size}")
        self.path = Path(path)
        self.part = self.path.with_suffix(".part.mp4")
        self.size, self.fps = size, Fraction(fps).limit_denominator(1000)
        self.frames = 0
        self._closed = False
        self._error: Exception | None = None
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(queue_frames)
        self._open()
        self._thread = threading.Thread(target=self._encode_all, name="video", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        """Open the part file, write its header, and make it grow with every fragment."""
        options = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
        try:
            self._container = av.open(str(self.part), "w", format="mp4", options=options)
            self._stream = self._h264(self._container)
            self._container.start_encoding()
        except (FFmpegError, OSError) as error:
            raise write_fault(self.part, error) from error

    def _h264(self, container: OutputContainer) -> Any:
        """Add the one stream to `container`."""
        try:
            stream: Any = container.add_stream("libx264", rate=self.fps)
        except UnknownCodecError as error:
            raise EnvironmentFault(
                "This PyAV has no H.264 encoder (libx264), so no video can be written; "
                "pip install --force-reinstall --only-binary :all: av"
            ) from error
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        # One fragment a second: a killed run loses at most that; seeking is as fine.
        stream.gop_size = max(1, round(self.fps))
        stream.options = {"preset": "veryfast", "crf": "20", "threads": "1", "bf": "0"}
        for name, value in _BT601.items():
            setattr(stream.codec_context, name, value)
        return stream

    def write(self, frame: np.ndarray) -> None:
        """Take one RGB frame, (height, width, 3) uint8. It must not change afterwards.

        Waits when the encoder is behind by the length of the queue, so memory stays bounded.

        Raises:
            EnvironmentFault: an earlier frame could not be written.
        """
        self._check()
        width, height = self.size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise ValueError(
                f"expected {(height, width, 3)} uint8, got {frame.shape} {frame.dtype}"
            )
        self._queue.put(frame)
        self.frames += 1

    def close(self) -> None:
        """Encode what is queued and finish the file. Closing twice is fine.

        Without a frame there is no file. Raises EnvironmentFault when the file could not be
        finished; the part file then stays, playable up to its last whole second.
        """
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._check()
        try:
            if self.frames:
                self._index_in_front()
            self.part.unlink(missing_ok=True)
        except (FFmpegError, OSError) as error:
            raise write_fault(self.path, error) from error

    def _check(self) -> None:
        """Raise what went wrong in the background thread."""
        if self._error is not None:
            raise write_fault(self.part, self._error) from self._error

    def _encode_all(self) -> None:
        """Encode frames until `close`; after an error go on taking them, so that no one waits."""
        index = 0
        while (picture := self._queue.get()) is not None:  # None: closed
            if self._error is None:
                self._guard(partial(self._encode, picture, index))
            index += 1
        if self._error is None:
            self._guard(lambda: self._container.mux(self._stream.encode()))
        self._guard(self._container.close)

    def _guard(self, action: Callable[[], None]) -> None:
        """Run `action` and keep the first error for `_check`."""
        try:
            action()
        except (FFmpegError, OSError) as error:
            if self._error is None:
                self._error = error

    def _encode(self, picture: np.ndarray, index: int) -> None:
        """Encode one picture as frame number `index`."""
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = index, 1 / self.fps
        self._container.mux(self._stream.encode(frame))

    def _index_in_front(self) -> None:
        """Copy the part file's packets into an MP4 that starts with its index (faststart)."""
        final = self.path.with_suffix(".final.mp4")
        try:
            with (
                av.open(str(self.part)) as source,
                av.open(str(final), "w", format="mp4", options={"movflags": "+faststart"}) as out,
            ):
                stream_in = source.streams.video[0]
                stream_out = out.add_stream_from_template(stream_in)
                for packet in source.demux(stream_in):
                    if packet.dts is not None:
                        packet.stream = stream_out
                        out.mux(packet)
            os.replace(final, self.path)
        finally:
            final.unlink(missing_ok=True)
