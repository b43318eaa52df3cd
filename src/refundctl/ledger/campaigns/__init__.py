"""Campaigns and the definitions they have had."""
