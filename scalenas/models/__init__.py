"""Arch to nn.Module: static backbones, elastic supernets, heads."""
