"""Trajectory-centric reinforcement learning: time-varying linear-Gaussian controllers, LQR-FLM.

Levine & Abbeel, "Learning Neural Network Policies with Guided Policy Search under Unknown
Dynamics", NIPS 2014, as used by Finn et al. 2016. Everything is numpy, float64.
"""
