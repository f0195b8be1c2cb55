"""Measuring a model: how often it is right, how far its probabilities hold, whether its words belong to the
image.

data          images with known labels        detection     AUROC, accuracy, calibration, abstention
scoring       a model's verdict on each        robustness    the same after JPEG, WebP, resizing
confounds     what metadata alone would tell   explanations  do descriptions and criteria fit their image
baselines     simple detectors, same data      speed         wall time, memory, images and tokens a second
metrics       the formulas                     run           tables and files from all of them
"""
