# What: the largest net of a small HRNet-style space, on land segmentation of satellite images.
# Source: the teacher of ScaleNAS (Cheng et al. 2020), section 3.3, shrunk to minutes on a CPU.
# Command: python tools/train.py configs/scalenas_seg/earth/teacher_w16_1xb16-1k_earth-96x96.py
# Needs: python tools/get_demo_data.py earth
# Expected and cost: see the table of the demo in README.md.
_base_ = [
    '../../_base_/models/super_fcn_earth.py',
    '../../_base_/datasets/earth_96x96.py',
    '../../_base_/schedules/minutes_cosine.py',
    '../../_base_/default_runtime_seg.py',
]
model = dict(
    architecture=dict(
        decode_head=dict(loss_decode=dict(class_weight={{_base_.class_weight}})),
    )
)
default_hooks = dict(checkpoint=dict(interval=200))
