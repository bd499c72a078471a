from dsae.commands import opengl

opengl.ensure()  # before any test imports mujoco, which reads its choice then
