# The supernet in the model of scale_fcn_cityscapes.py; as it stands here it trains its largest
# net, all 5 blocks per branch and all 310 fusions: the teacher.
_base_ = './scale_fcn_cityscapes.py'
architecture = _base_.model
architecture.backbone = dict(
    type='scalenas.SuperScaleHRNet',
    space='scalenas_w32',
    norm_cfg=_base_.norm_cfg,
)
model = dict(
    _delete_=True,
    _scope_='mmseg',  # for mmengine.hub, which builds it by itself
    type='scalenas.SuperNet',
    architecture=architecture,
    sampler=dict(type='fixed', arch='largest'),
)
# Every parameter gets a gradient in a teacher's step; a supernet's step leaves some without.
find_unused_parameters = False
