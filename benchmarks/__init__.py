"""Measurements of a running installation (`make up`), printed as figures; nothing here is asserted."""
