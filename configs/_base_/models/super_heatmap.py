# The supernet in the model of scale_heatmap.py; as it stands here it trains its largest net, all 5
# blocks per branch and all fusions that the single output allows: the teacher.
_base_ = './scale_heatmap.py'
architecture = _base_.model
architecture.backbone = dict(
    type='scalenas.SuperScaleHRNet',
    space='scalenas_w32_single',
    norm_cfg=dict(type='BN'),
)
model = dict(
    _delete_=True,
    _scope_='mmpose',  # for mmengine.hub, which builds it by itself
    type='scalenas.SuperNet',
    architecture=architecture,
    sampler=dict(type='fixed', arch='largest'),
)
# A supernet also holds the last fusions into branches that no single-output net reads: even the
# teacher's step leaves them without gradient.
find_unused_parameters = True
