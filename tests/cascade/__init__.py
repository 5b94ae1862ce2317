"""Tests of plans of cascades."""
