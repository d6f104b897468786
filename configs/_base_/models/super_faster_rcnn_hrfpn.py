# The supernet in the detector of scale_faster_rcnn_hrfpn.py; as it stands here it trains its largest
# net, all 5 blocks per branch and all 310 fusions: the teacher.
# Norms: norm_eval must be False. A sub-net is scored with statistics of its own, which are
# recalibrated; trained with frozen ones it would meet others there than in training. SyncBN, for 2
# images per GPU give poor statistics.
_base_ = './scale_faster_rcnn_hrfpn.py'
architecture = _base_.model
architecture.backbone = dict(
    type='scalenas.SuperScaleHRNet',
    space='scalenas_w32',
    norm_cfg=dict(type='SyncBN', requires_grad=True),
    norm_eval=False,
)
model = dict(
    _delete_=True,
    _scope_='mmdet',  # for mmengine.hub, which builds it by itself
    type='scalenas.SuperNet',
    architecture=architecture,
    sampler=dict(type='fixed', arch='largest'),
)
# Every parameter gets a gradient in a teacher's step; a supernet's step leaves some without.
find_unused_parameters = False
