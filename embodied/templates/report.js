"use strict";
// Everything can be read without this script; it connects the video with the timeline.
(() => {
  const video = document.getElementById("video");
  const timeline = document.getElementById("timeline");
  if (!video || !timeline) return;
  const total = Number(timeline.dataset.total);
  const track = timeline.querySelector(".track");
  const playhead = document.getElementById("playhead");
  const segments = [...timeline.querySelectorAll(".segment")];
  const steps = [...document.querySelectorAll(".step")];

  const playFrom = (seconds) => {
    // A hair later, so that the first picture shown is of this skill and not of the one before.
    video.currentTime = Math.min(seconds + 0.01, video.duration || seconds);
    video.play().catch(() => {});
  };
  for (const seek of document.querySelectorAll(".seek")) {
    seek.addEventListener("click", () => {
      video.scrollIntoView({ block: "nearest" });
      playFrom(Number(seek.dataset.t));
    });
  }
  for (const segment of segments) {
    segment.addEventListener("click", (event) => {
      event.stopPropagation();
      playFrom(Number(segment.dataset.t));
    });
  }
  track.addEventListener("click", (event) => {
    const box = track.getBoundingClientRect();
    playFrom(((event.clientX - box.left) / box.width) * total);
  });

  const follow = () => {
    playhead.hidden = false;
    playhead.style.left = `${Math.min(100, (100 * video.currentTime) / total)}%`;
    const begun = segments.filter((segment) => Number(segment.dataset.t) <= video.currentTime);
    const now = begun.length ? begun[begun.length - 1] : null;
    for (const segment of segments) segment.classList.toggle("now", segment === now);
    steps.forEach((step) => step.classList.toggle("now", !!now && step.id === `step-${now.dataset.step}`));
  };
  video.addEventListener("timeupdate", follow);
  video.addEventListener("seeked", follow);
})();
