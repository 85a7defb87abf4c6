"""What any shim promises, tried for real on ours, on conmon, and on a learner's.

conmon.py  conmon as a launcher: the oracle
"""
