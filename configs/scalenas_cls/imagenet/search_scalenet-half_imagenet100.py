# What: MCEA in the super-supernet of ScaleNet's ablations.
# Source: ScaleNet (Xie et al. 2022), section 4.3 and appendix A. The budget of the base is by its rule: 100 M,
#   for the mean of 100,000 bases is 97 M. The paper's own is 120 M, which is no multiple of 50 M.
# Command: python tools/search.py configs/scalenas_cls/imagenet/search_scalenet-half_imagenet100.py \
#   work_dirs/supernet_scalenet-half_8xb32-150k_imagenet100/iter_150000.pth --device cuda
# Expected: not run here.
_base_ = './supernet_scalenet-half_8xb32-150k_imagenet100.py'
search = dict(
    algorithm=dict(
        type='mcea',
        base_macs='auto',
        growth=2.0,
        tolerance=0.1,
        num_stages=3,
        num_bases=20,
        iterations=8,
        population=50,
        generations=40,
    ),
    objectives=(('accuracy/top1', 'max'), ('macs', 'min')),
    seed=0,
)
