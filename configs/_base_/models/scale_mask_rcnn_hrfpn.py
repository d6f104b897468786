# scale_faster_rcnn_hrfpn.py with a mask head: four convolutions, a transposed one, 28x28 masks.
# Source: Mask R-CNN (He et al. 2017), with mmdet's settings.
_base_ = './scale_faster_rcnn_hrfpn.py'
model = dict(
    _scope_='mmdet',  # for mmengine.hub, which builds it by itself
    type='MaskRCNN',
    data_preprocessor=dict(pad_mask=True),
    roi_head=dict(
        mask_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=14, sampling_ratio=0),
            out_channels=256,
            featmap_strides=[4, 8, 16, 32],
        ),
        mask_head=dict(
            type='FCNMaskHead',
            num_convs=4,
            in_channels=256,
            conv_out_channels=256,
            num_classes=80,
            loss_mask=dict(type='CrossEntropyLoss', use_mask=True, loss_weight=1.0),
        ),
    ),
    train_cfg=dict(rcnn=dict(mask_size=28)),
    test_cfg=dict(rcnn=dict(mask_thr_binary=0.5)),
)
