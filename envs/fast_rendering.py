"""What software rendering can afford to draw of a model that was made for a graphics card.

Frames per second at 64 × 64 pixels, on one core with Mesa's llvmpipe, of Meta-World's drawer and of
Fetch: 12 and 158 as they come, 48 and 462 with a small shadow map and rough edges, 160 and 467
without shadows and reflections, 520 and 1279 with meshes no finer than the pixels, 668 and 1592
with fewer faces on what is round.
"""

import copy

import numpy as np

from envs.engine import mujoco

VIEW = 1.0  # (metres) that an image is taken to show from top to bottom
SLICES, STACKS = 14, 8  # faces around and along a sphere, half of what MuJoCo takes
LEAST_CELLS = 4  # across the thinnest side of a mesh, so that a handle or a stick keeps its shape


def fast_copy(model: mujoco.MjModel, height: int) -> mujoco.MjModel:
    """Return a copy to draw images of so many pixels from; physics and rays need the original.

    It has no shadows, reflections or smoothed edges, and no detail finer than a pixel.
    """
    drawn = copy.copy(model)
    drawn.vis.quality.offsamples = 0
    drawn.light_castshadow[:] = 0
    drawn.mat_reflectance[:] = 0
    drawn.vis.quality.numslices, drawn.vis.quality.numstacks = SLICES, STACKS
    drawn.vis.quality.numquads = 1
    for mesh in range(drawn.nmesh):
        _coarsen(drawn, mesh, VIEW / height)
    return drawn


def _coarsen(model: mujoco.MjModel, mesh: int, pixel: float) -> None:
    """Merge the vertices of a mesh that share a cell of a grid, and drop the faces this empties.

    A cell is as wide as a pixel (metres) or narrower. Rossignac and Borrel, Multi-resolution 3D
    approximations for rendering complex scenes, 1993.
    """
    start, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    vertices = model.mesh_vert[start : start + count]
    cell = min(pixel, float(np.ptp(vertices, axis=0).min()) / LEAST_CELLS)
    if cell <= 0:  # it is flat
        return
    cells = np.floor(vertices / cell).astype(np.int64)
    _, first, index = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    start, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    old = slice(start, start + count)
    faces = first[index.reshape(-1)][model.mesh_face[old]]  # (faces, 3)
    kept = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    new = slice(start, start + int(kept.sum()))
    model.mesh_face[new] = faces[kept]
    for corners in (model.mesh_facenormal, model.mesh_facetexcoord):
        corners[new] = corners[old][kept]
    model.mesh_facenum[mesh] = kept.sum()
