"""The painter: pictures and clips computed from a prompt, a seed and reference photos.

Everything below imports numpy, Pillow or PyAV and is loaded only in the render process (see `worker.py`).
"""
