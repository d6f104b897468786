# What: the teacher of the W32 pose supernet, its largest net, on COCO, 256x192.
# Source: ScaleNAS (Cheng et al. 2020), section 7.4.
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/coco/teacher_w32_8xb48-210e_coco-256x192.py 8
#   The paper starts from ImageNet weights (configs/scalenas_cls/imagenet/teacher_w32_16xb48-100e_imagenet.py);
#   add then --cfg-options model.architecture.backbone.init_cfg.type=Pretrained \
#   model.architecture.backbone.init_cfg.checkpoint=work_dirs/teacher_w32_16xb48-100e_imagenet/iter_166819.pth \
#   model.architecture.backbone.init_cfg.prefix=architecture.backbone.
# Needs: the split of `prepare_data`.
# Cost: about 50 hours on 8 V100 for teacher and supernet (paper).
# Expected: 47.610 M parameters held, head included, of which the largest net runs 46.840 M in 10.245 Gi
#   multiply-adds at 256x192 (reproduced by the tests); the paper prints no AP for it.
_base_ = [
    '../../_base_/models/super_heatmap.py',
    '../../_base_/datasets/coco_topdown_256x192.py',
    '../../_base_/schedules/coco_210e_8xb48.py',
    '../../_base_/default_runtime_pose.py',
]
model = dict(
    architecture=dict(
        head=dict(decoder=_base_.codec),
    ),
)
