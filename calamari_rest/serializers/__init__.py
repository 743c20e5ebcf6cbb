"""The fields of each resource: what clients may send, checked strictly, and what they get, documented.

Answers are rows that cthulhu built; they are rendered as they are, so most serializers here describe and do not run.
"""
