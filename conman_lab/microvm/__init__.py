"""A machine of one's own, where there is no root."""
