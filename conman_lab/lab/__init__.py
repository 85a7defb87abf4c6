"""The workspace: what was started, what is left, and whether the machine is fit.

In a notebook: `from conman_lab.lab import Lab`, then `lab = Lab("02-naive-runc")`.
"""
