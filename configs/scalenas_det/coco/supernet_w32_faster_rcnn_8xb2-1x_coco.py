# What: the W32 supernet in Faster R-CNN on COCO: one sub-net per iteration from nine groups,
#   distilled from the teacher, started from the teacher's weights.
# Source: no paper did it; sampling and distillation are ScaleNAS's (Cheng et al. 2020, sections 3.3
#   and 3.4), with two choices of our own:
#   - What is compared: the objectness logits of the RPN on all five levels (MSE, weight 1). They
#     are the only logits that teacher and student give at the same places: each sees other regions
#     in its second stage. tap='neck.reduction_conv' compares the map that both stages come from
#     instead; it knows the classes too, but has no scale of its own, so mind its weight.
#   - The learning rate is a tenth of the teacher's, the ratio of the paper's segmentation.
# Command: tools/dist_train.sh configs/scalenas_det/coco/supernet_w32_faster_rcnn_8xb2-1x_coco.py 8
# Needs: the teacher's checkpoint, see `init_from`.
# Expected: sub-nets of 31.6 to 65.6 M parameters and 212.9 to 354.0 G multiply-adds at 800x1280, whole
#   detector (counted by the tests); accuracy unknown, nobody trained it.
_base_ = './teacher_w32_faster_rcnn_8xb2-1x_coco.py'
model = dict(
    init_from=dict(
        checkpoint='work_dirs/teacher_w32_faster_rcnn_8xb2-1x_coco/iter_87960.pth',
        made_by='tools/dist_train.sh configs/scalenas_det/coco/'
        'teacher_w32_faster_rcnn_8xb2-1x_coco.py 8',
    ),
    sampler=dict(_delete_=True, type='grouped', seed=0),
    distillation=dict(tap='rpn_head.rpn_cls', weight=1.0, teacher='frozen'),
    inactive='skip',
)
optim_wrapper = dict(optimizer=dict(lr=0.002))
val_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
find_unused_parameters = True
