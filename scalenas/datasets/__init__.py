"""Parts of data: held out for a search, or spread evenly for calibration.

Nothing here imports torch but `mmseg_datasets` and `mmpretrain_datasets`, which the registry
imports by itself when a config names one of their classes.
"""
