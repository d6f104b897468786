"""Training a supernet inside any task model: wrapper, distillation, schedules, hooks."""
