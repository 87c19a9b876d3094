"""Pairs out of a search tree."""

from ...kinds import Helper

EXAMPLES = dict.fromkeys(("SiblingPairs", "sibling_pairs", "tree_search_scores"), Helper("curriculum/test_tree_pairs.py"))
