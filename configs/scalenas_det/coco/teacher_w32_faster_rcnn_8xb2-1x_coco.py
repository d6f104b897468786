# What: the teacher of the W32 supernet, its largest net, in Faster R-CNN with HRFPN on COCO.
# Source: no paper trained a supernet in a detector; the space is ScaleNAS's (Cheng et al. 2020), the
#   schedule that of its section 7.6.
# Command: tools/dist_train.sh configs/scalenas_det/coco/teacher_w32_faster_rcnn_8xb2-1x_coco.py 8
#   Pre-trained weights, such as a Cityscapes supernet's: --cfg-options \
#   model.architecture.backbone.init_cfg.type=Pretrained \
#   model.architecture.backbone.init_cfg.checkpoint=PATH \
#   model.architecture.backbone.init_cfg.prefix=architecture.backbone.
# Expected: 65.6 M parameters and 354.0 G multiply-adds at 800x1280, whole detector (counted by the
#   tests); accuracy unknown, nobody trained it.
_base_ = [
    '../../_base_/models/super_faster_rcnn_hrfpn.py',
    '../../_base_/datasets/coco_search_800x1333.py',
    '../../_base_/schedules/coco_1x.py',
    '../../_base_/default_runtime_det.py',
]
val_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('largest',))
test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('largest',))
