"""Small procedural meshes: everything on the counters is a loft, a stack of rings.

A loft covers cans, bottles, fruit, bags and bars with one vertex layout and one texture layout, so
that each object is a single draw call. Texture coordinates: u runs once around (the +y side is
0..0.5, left to right when looked at from outside, the -y side 0.5..1); v is given per ring and 0 is
the texture's first row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import mujoco
import numpy as np


@dataclass(frozen=True)
class Ring:
    """One cross section: half extents a (x) and b (y) [m] at height z [m], texture row v in [0, 1].

    Two rings at the same place make a crease; a ring of zero extent closes the surface.
    """

    a: float
    b: float
    z: float
    v: float


@dataclass(frozen=True)
class Surface:
    """Triangles with per-vertex normals and texture coordinates: (n, 3), (n, 3), (n, 2), (m, 3)."""

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: np.ndarray


def circle(radius: float, z: float, v: float) -> Ring:
    """A round ring."""
    return Ring(radius, radius, z, v)


def loft(
    rings: Sequence[Ring], power: float = 2.0, segments: int = 20, lying: bool = False
) -> Surface:
    """Joins rings, given from the top down, into a surface.

    Args:
        power: of the cross section's superellipse; 2 is an ellipse, 8 nearly a rectangle.
        segments: corners of a cross section.
        lying: the loft's axis becomes x and its +y side looks up.
    """
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    c, s = np.cos(angle), np.sin(angle)
    reach = (np.abs(c) ** power + np.abs(s) ** power) ** (-1 / power)
    unit = np.stack([c * reach, s * reach], -1)
    widest = unit * [max(r.a for r in rings), max(r.b for r in rings)]
    around = np.append(0, np.cumsum(np.linalg.norm(np.diff(widest, axis=0), axis=1)))
    vertices = np.concatenate(
        [np.column_stack([unit * [r.a, r.b], np.full(segments + 1, r.z)]) for r in rings]
    )
    uv = np.concatenate(
        [np.column_stack([around / around[-1], np.full(segments + 1, r.v)]) for r in rings]
    )
    faces = _faces(rings, segments)
    normals = _normals(vertices, faces, segments + 1)
    if lying:
        vertices, normals = vertices[:, [2, 0, 1]], normals[:, [2, 0, 1]]
    return Surface(vertices, normals, uv, faces)


def add_mesh(spec: mujoco.MjSpec, name: str, surface: Surface) -> None:
    """Adds the surface to the spec as the mesh `name`."""
    mesh = spec.add_mesh(name=name)
    mesh.uservert = surface.vertices.ravel()
    mesh.usernormal = surface.normals.ravel()
    mesh.usertexcoord = surface.uv.ravel()
    mesh.userface = surface.faces.ravel()
    # never weighed (mass 0), but the compiler wants an inertia that open surfaces have as well
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL


def _faces(rings: Sequence[Ring], segments: int) -> np.ndarray:
    faces: list[tuple[int, int, int]] = []
    width = segments + 1
    for k, (upper, lower) in enumerate(pairwise(rings)):
        if upper.z == lower.z and upper.a == lower.a and upper.b == lower.b:
            continue  # a crease
        for i in range(segments):
            top, low = k * width + i, (k + 1) * width + i
            if upper.a > 0 and upper.b > 0:
                faces.append((top, low, top + 1))
            if lower.a > 0 and lower.b > 0:
                faces.append((top + 1, low, low + 1))
    return np.array(faces)


def _normals(vertices: np.ndarray, faces: np.ndarray, width: int) -> np.ndarray:
    """Area-weighted vertex normals, equal on both sides of the seam and all around a pole."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, faces[:, i], np.cross(b - a, c - a))
    rows = normals.reshape(-1, width, 3)
    rows[:, 0] = rows[:, -1] = rows[:, 0] + rows[:, -1]
    for row, points in zip(rows, vertices.reshape(-1, width, 3), strict=True):
        if np.ptp(points[:, :2], axis=0).max() == 0:
            row[:] = row.sum(0)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    rows[:] = np.where(length > 0, rows / np.maximum(length, 1e-12), [0, 0, 1])
    return normals
