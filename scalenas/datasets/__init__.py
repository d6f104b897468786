"""Demo data: real pictures shipped inside PyPI packages, and procedural scenes.

Nothing here imports torch or mmseg but `mmseg_datasets`, which the registry imports by itself
when a config names one of its classes.
"""
