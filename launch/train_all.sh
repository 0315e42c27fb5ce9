#!/usr/bin/env bash
# Trains all skills from nothing, in the order in which they build on each other.
#   launch/train_all.sh [FOLDER]      default: outputs/train/all
# A run that was killed goes on where it was when started again with the same folder.
set -euo pipefail
out="${1:-outputs/train/all}"
python="${PYTHON:-python}"
preset="${PRESET:-cpu}"
"$python" -m embodied.train navigate --preset "$preset" --out "$out/navigate"
"$python" -m embodied.train pick --preset "$preset" --out "$out/pick"
"$python" -m embodied.train place --preset "$preset" --out "$out/place" --pick "$out/pick/skill"
"$python" -m embodied.train open --preset "$preset" --out "$out/open"
"$python" -m embodied.train close --preset "$preset" --out "$out/close"
