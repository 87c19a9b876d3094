"""Experiments: tasks, configs and the runner that compares a method with its baseline."""
