"""Where a point in the world appears in a camera's image, and whether it can be seen there."""

from typing import NamedTuple

import numpy as np

from envs.engine import mujoco

# A point on a surface is seen if nothing stands more than this in front of it.
OCCLUSION_TOLERANCE = 0.01  # (metres)


class Camera(NamedTuple):
    """A pinhole camera of a MuJoCo model that draws images of `height` × `width` pixels."""

    id: int
    height: int
    width: int

    def project(
        self, model: mujoco.MjModel, data: mujoco.MjData, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Project world points, shape (N, 3) in metres, into the image.

        Returns pixels, shape (N, 2), and depths along the viewing axis, shape (N,) in metres.
        Pixels are (x, y), x right and y down; the *centre* of the top-left pixel is (0, 0).
        """
        rotation = data.cam_xmat[self.id].reshape(3, 3)  # columns: right, up, backward
        local = (points - data.cam_xpos[self.id]) @ rotation
        depth = -local[:, 2]
        focal = 0.5 * self.height / np.tan(np.deg2rad(model.cam_fovy[self.id]) / 2)
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        x = focal * local[:, 0] / safe + self.width / 2 - 0.5
        y = -focal * local[:, 1] / safe + self.height / 2 - 0.5
        return np.stack([x, y], axis=1), depth

    def inside(self, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return which pixels, shape (N, 2), lie in front of the camera and within the image."""
        limits = np.array([self.width, self.height]) - 0.5
        return (depth > 0) & np.all((pixels >= -0.5) & (pixels < limits), axis=1)

    def unoccluded(
        self, model: mujoco.MjModel, data: mujoco.MjData, point: np.ndarray, body: int
    ) -> bool:
        """Return whether a ray from the camera reaches `point`, or its body or a child of it."""
        origin = data.cam_xpos[self.id]
        ray = point - origin
        distance = float(np.linalg.norm(ray))
        geom = np.full((1, 1), -1, np.int32)
        hit = mujoco.mj_ray(
            model, data, origin.reshape(3, 1), (ray / distance).reshape(3, 1), None, True, -1, geom
        )
        if hit < 0 or hit > distance - OCCLUSION_TOLERANCE:
            return True
        hit_body = int(model.geom_bodyid[geom[0, 0]])
        while hit_body > body:  # a child's number is above its parent's
            hit_body = int(model.body_parentid[hit_body])
        return hit_body == body
