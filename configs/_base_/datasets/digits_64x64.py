# The digits of digits_28x28.py enlarged to 64x64, for networks that were trained on photographs.
_base_ = './digits_28x28.py'
enlarge = dict(type='Resize', scale=64, backend='pillow', interpolation='bicubic')
train_pipeline = [
    dict(type='LoadImageFromFile'),
    enlarge,
    dict(type='RandomCrop', crop_size=64, padding=4),
    dict(type='PackInputs'),
]
test_pipeline = [dict(type='LoadImageFromFile'), enlarge, dict(type='PackInputs')]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
search_dataloader = dict(dataset=dict(pipeline=test_pipeline))
calibration_dataloader = dict(dataset=dict(pipeline=test_pipeline))
