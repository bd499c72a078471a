"""A local web page on which a person sees what an encoder does, and moves its points by mouse.

Starlette and one page of ours, not a page framework: a drag is one small request, nothing is
loaded from elsewhere, five small packages are all it needs, and every answer is tested over HTTP.
"""
