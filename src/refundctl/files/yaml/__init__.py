"""YAML as this program takes it: strict, and every mistake with its place."""
