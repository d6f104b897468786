"""What mmengine.hub expects of every OpenMMLab package: `register_all_modules`."""

from scalenas.utils.setup_env import register_all_modules

__all__ = ['register_all_modules']
