# What: the teacher of the W32 pose supernet, its largest net, on MPII, 256x256.
# Source: ScaleNAS (Cheng et al. 2020), section 7.4 (no supernet of MPII there: P1 was found on COCO).
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/mpii/teacher_w32_8xb48-210e_mpii-256x256.py 8
#   The paper starts from ImageNet weights (configs/scalenas_cls/imagenet/teacher_w32_16xb48-100e_imagenet.py);
#   add then --cfg-options model.architecture.backbone.init_cfg.type=Pretrained \
#   model.architecture.backbone.init_cfg.checkpoint=work_dirs/teacher_w32_16xb48-100e_imagenet/iter_166819.pth \
#   model.architecture.backbone.init_cfg.prefix=architecture.backbone.
# Needs: the split of `prepare_data`.
# Expected: 47.610 M parameters held, head included, of which the largest net runs 46.840 M in 13.660 Gi
#   multiply-adds at 256x256 (reproduced by the tests); the paper prints no PCKh for it.
_base_ = [
    '../../_base_/models/super_heatmap.py',
    '../../_base_/datasets/mpii_topdown_256x256.py',
    '../../_base_/schedules/mpii_210e_8xb48.py',
    '../../_base_/default_runtime_pose.py',
]
model = dict(
    architecture=dict(
        head=dict(out_channels=16, decoder=_base_.codec),
    ),
)
