//! Test doubles for the ports, and helpers for tests of stages.
