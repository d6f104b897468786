# What: the teacher of the W48 pose supernet, its largest net, on COCO, 384x288.
# Source: ScaleNAS (Cheng et al. 2020), section 7.4.
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/coco/teacher_w48_8xb12-210e_coco-384x288.py 8
#   The paper starts from ImageNet weights (configs/scalenas_cls/imagenet/teacher_w48_16xb48-100e_imagenet.py);
#   add then --cfg-options model.architecture.backbone.init_cfg.type=Pretrained \
#   model.architecture.backbone.init_cfg.checkpoint=work_dirs/teacher_w48_16xb48-100e_imagenet/iter_166819.pth \
#   model.architecture.backbone.init_cfg.prefix=architecture.backbone.
# Needs: the split of `prepare_data`.
# Cost: about 75 hours on 8 V100 for teacher and supernet (paper).
# Expected: 106.461 M parameters held, head included, of which the largest net runs 104.731 M in 48.703 Gi
#   multiply-adds at 384x288 (reproduced by the tests); the paper prints no AP for it.
_base_ = [
    '../../_base_/models/super_heatmap.py',
    '../../_base_/datasets/coco_topdown_384x288.py',
    '../../_base_/schedules/coco_210e_8xb12.py',
    '../../_base_/default_runtime_pose.py',
]
model = dict(
    architecture=dict(
        backbone=dict(space='scalenas_w48_single'),
        head=dict(in_channels=48, decoder=_base_.codec),
    ),
)
