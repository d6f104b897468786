# As cityscapes_484e_cosine.py, but with the poly decay (power 0.9) of the authors' released code.
_base_ = './cityscapes_484e_cosine.py'
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=59996, by_epoch=False)
]
