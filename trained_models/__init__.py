"""Weights of the neural preconditioner, installed as package data."""
